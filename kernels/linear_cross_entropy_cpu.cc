// One chunk of rows at a time, its scores kept with the rows side by side, [V, R], so that every
// step of the softmax is a vector operation over rows. Three passes over the items, in tiles that
// stay in the cache: scores and their maxima; weights, their sums and what they add up of the
// embedding; then, with the sums known, the gradient of the embedding. The weights are never
// divided by their sums: the rows of the small matrices are. Legend: N rows, V items, D width
// (padded for small_gemm.h), R rows of a chunk.
#include "kernels/linear_cross_entropy_cpu.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/row_math.h"
#include "kernels/small_gemm.h"
#include "kernels/transpose.h"

namespace seqsweep {

namespace {

using at::Tensor;

constexpr int64_t kTileItems = 96;  // Sixteen register tiles of small_gemm.
constexpr int64_t kChunkRows = 96;

template <typename T>
T* data_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
}

// All rows and items, as plain memory.
template <typename T>
struct View {
  int64_t items, width;
  const T *hidden, *embedding, *bias, *own;
  const int64_t *targets, *ids;
  T *losses, *d_hidden, *d_own;
};

// What the chunks of one thread share: room for the weights of a chunk, and sums of gradients.
struct Part {
  Tensor weights_VR, d_embedding, d_bias;
};

template <typename T>
class ChunkPass {
 public:
  ChunkPass(const View<T>& view, const Part& part)
      : in_(view),
        weights_VR_(part.weights_VR.data_ptr<T>()),
        d_embedding_(data_or_null<T>(part.d_embedding)),
        d_bias_(data_or_null<T>(part.d_bias)),
        scratch_(at::empty({4, kChunkRows * view.width}, part.weights_VR.options())),
        hidden_DR_(scratch_[0].data_ptr<T>()),
        scaled_RD_(scratch_[1].data_ptr<T>()),
        d_hidden_RD_(scratch_[2].data_ptr<T>()),
        tile_RD_(scratch_[3].data_ptr<T>()) {}

  // Rows [begin, begin + count), at most kChunkRows.
  void run(int64_t begin, int64_t count, Want want) {
    begin_ = begin;
    count_ = count;
    columns_ = padded_columns<T>(count);
    load();
    for_each_tile([&](int64_t first, int64_t items) { score(first, items); });
    if (in_.own == nullptr) {
      for (int64_t r = 0; r < count_; ++r) own_[r] = weights(target(r))[r];
    }
    for_each_tile([&](int64_t first, int64_t items) { weigh(first, items, want); });
    finish_sums();
    if (want == Want::Loss) return;
    finish_d_hidden();
    if (in_.own == nullptr) {
      for (int64_t r = 0; r < count_; ++r) weights(target(r))[r] -= sum_[r];
    }
    scale_hidden();
    for_each_tile([&](int64_t first, int64_t items) { differentiate_items(first, items); });
  }

 private:
  T* weights(int64_t item) const { return weights_VR_ + item * kChunkRows; }
  int64_t target(int64_t r) const { return in_.targets[begin_ + r]; }
  const T* hidden(int64_t r) const { return in_.hidden + (begin_ + r) * in_.width; }

  void for_each_tile(const auto& visit) const {
    for (int64_t first = 0; first < in_.items; first += kTileItems) {
      visit(first, std::min(kTileItems, in_.items - first));
    }
  }

  // Columns beyond the rows are zeros: they cost a little and change nothing.
  void load() {
    std::fill_n(hidden_DR_, count_ < columns_ ? kChunkRows * in_.width : 0, T(0));
    transpose<T>(count_, in_.width, {hidden(0), in_.width}, {hidden_DR_, kChunkRows});
    std::fill_n(d_hidden_RD_, count_ * in_.width, T(0));
    std::ranges::fill(sum_, T(0));
    std::ranges::fill(inverse_, T(0));
    std::ranges::fill(top_, -std::numeric_limits<T>::infinity());
    if (in_.own == nullptr) return;
    for (int64_t r = 0; r < count_; ++r) {
      own_[r] = top_[r] = in_.own[begin_ + r];
      target_[r] = static_cast<int32_t>(target(r));
    }
  }

  void score(int64_t first, int64_t items) {
    small_gemm<Into::Set>(
        items, columns_, in_.width, Strided<T>{in_.embedding + first * in_.width, in_.width, 1},
        Rows<const T>{hidden_DR_, kChunkRows}, Rows<T>{weights(first), kChunkRows});
    for (int64_t item = first; item < first + items; ++item) {
      T* scores = weights(item);
      if (in_.ids != nullptr) leave_out_targets(scores, static_cast<int32_t>(in_.ids[item]));
      const T bias = in_.bias != nullptr ? in_.bias[item] : T(0);
#pragma omp simd
      for (int64_t r = 0; r < columns_; ++r) {
        scores[r] += bias;
        top_[r] = std::max(top_[r], scores[r]);
      }
    }
  }

  void leave_out_targets(T* scores, int32_t id) const {
#pragma omp simd
    for (int64_t r = 0; r < columns_; ++r) {
      scores[r] = target_[r] == id ? -std::numeric_limits<T>::infinity() : scores[r];
    }
  }

  // Sums over a tile first, then sums of those: the rounding errors grow with the items of a tile
  // and with the number of tiles, not with their product.
  void weigh(int64_t first, int64_t items, Want want) {
    alignas(64) T tile_sum[kChunkRows] = {};
    for (int64_t item = first; item < first + items; ++item) {
      T* scores = weights(item);
#pragma omp simd
      for (int64_t r = 0; r < columns_; ++r) {
        scores[r] = exp_of(scores[r] - top_[r]);
        tile_sum[r] += scores[r];
      }
    }
    for (int64_t r = 0; r < columns_; ++r) sum_[r] += tile_sum[r];
    if (want == Want::Loss) return;
    small_gemm<Into::Set>(count_, in_.width, items, Strided<T>{weights(first), 1, kChunkRows},
                          Rows<const T>{in_.embedding + first * in_.width, in_.width},
                          Rows<T>{tile_RD_, in_.width});
    for (int64_t i = 0; i < count_ * in_.width; ++i) d_hidden_RD_[i] += tile_RD_[i];
  }

  void finish_sums() {
    for (int64_t r = 0; r < count_; ++r) {
      const T own_weight = in_.own != nullptr ? exp_of(own_[r] - top_[r]) : T(0);
      const T sum = sum_[r] + own_weight;
      inverse_[r] = 1 / sum;
      in_.losses[begin_ + r] = top_[r] - own_[r] + std::log(sum);
      if (in_.d_own != nullptr) in_.d_own[begin_ + r] = own_weight * inverse_[r] - 1;
    }
  }

  // The gradient of a row's scores is softmax - [target].
  void finish_d_hidden() const {
    for (int64_t r = 0; r < count_; ++r) {
      T* to = in_.d_hidden + (begin_ + r) * in_.width;
      const T* from = d_hidden_RD_ + r * in_.width;
      for (int64_t d = 0; d < in_.width; ++d) to[d] = inverse_[r] * from[d];
      if (in_.own != nullptr) continue;
      const T* target_embedding = in_.embedding + target(r) * in_.width;
      for (int64_t d = 0; d < in_.width; ++d) to[d] -= target_embedding[d];
    }
  }

  void scale_hidden() const {
    for (int64_t r = 0; r < count_; ++r) {
      T* to = scaled_RD_ + r * in_.width;
      for (int64_t d = 0; d < in_.width; ++d) to[d] = inverse_[r] * hidden(r)[d];
    }
  }

  void differentiate_items(int64_t first, int64_t items) const {
    small_gemm<Into::Add>(items, in_.width, count_, Strided<T>{weights(first), kChunkRows, 1},
                          Rows<const T>{scaled_RD_, in_.width},
                          Rows<T>{d_embedding_ + first * in_.width, in_.width});
    if (d_bias_ == nullptr) return;
    for (int64_t item = first; item < first + items; ++item) {
      d_bias_[item] += row_dot(weights(item), inverse_, count_);
    }
  }

  const View<T>& in_;
  T *weights_VR_, *d_embedding_, *d_bias_;
  Tensor scratch_;
  T *hidden_DR_, *scaled_RD_, *d_hidden_RD_, *tile_RD_;
  int64_t begin_ = 0, count_ = 0, columns_ = 0;
  alignas(64) T top_[kChunkRows];
  alignas(64) T sum_[kChunkRows];
  alignas(64) T own_[kChunkRows];
  alignas(64) T inverse_[kChunkRows];
  alignas(64) int32_t target_[kChunkRows] = {};
};

// Rows as wide as small_gemm.h wants them.
template <typename T>
Tensor with_padded_rows(const Tensor& matrix) {
  const int64_t missing = padded_columns<T>(matrix.size(1)) - matrix.size(1);
  return missing == 0 ? matrix : at::constant_pad_nd(matrix, {0, missing});
}

// How the rows are divided: each part is a thread's, in `rounds` chunks of `chunk_rows`.
struct Division {
  int64_t parts, rounds, chunk_rows;
};

Division divide(int64_t rows, int64_t bytes_a_part) {
  constexpr int64_t kBytes = 768 << 20;  // Of all parts. A very large catalogue gets fewer.
  constexpr int64_t kStep = 16;
  const int64_t fitting = std::max<int64_t>(kBytes / std::max<int64_t>(bytes_a_part, 1), 1);
  Division division{};
  division.parts = std::clamp<int64_t>((rows + kStep - 1) / kStep, 1,
                                       std::min<int64_t>(fitting, at::get_num_threads()));
  const int64_t at_once = division.parts * kChunkRows;
  division.rounds = std::max<int64_t>((rows + at_once - 1) / at_once, 1);
  const int64_t chunks = division.parts * division.rounds;
  division.chunk_rows = ((rows + chunks - 1) / chunks + kStep - 1) / kStep * kStep;
  return division;
}

template <typename T>
CrossEntropyPass run(const CrossEntropyInputs& in, Want want) {
  const bool differentiate = want == Want::Gradients;
  const Tensor hidden = with_padded_rows<T>(in.hidden_ND);
  const Tensor embedding = with_padded_rows<T>(in.embedding_VD);
  const int64_t rows = hidden.size(0), items = embedding.size(0), width = in.hidden_ND.size(1);
  const Tensor losses_N = at::empty({rows}, hidden.options());
  CrossEntropyPass pass;
  if (differentiate) {
    pass.d_hidden = at::empty_like(hidden);
    if (in.own_N.defined()) pass.d_own = at::empty_like(in.own_N);
  }
  const View<T> view{items,
                     embedding.size(1),
                     hidden.data_ptr<T>(),
                     embedding.data_ptr<T>(),
                     data_or_null<T>(in.bias_V),
                     data_or_null<T>(in.own_N),
                     in.targets_N.data_ptr<int64_t>(),
                     data_or_null<int64_t>(in.ids_V),
                     losses_N.data_ptr<T>(),
                     data_or_null<T>(pass.d_hidden),
                     data_or_null<T>(pass.d_own)};
  const Division division = divide(rows, items * (kChunkRows + view.width) * sizeof(T));
  std::vector<Part> parts(static_cast<size_t>(division.parts));
  at::parallel_for(0, division.parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      Part& part = parts[static_cast<size_t>(p)];
      part.weights_VR = at::empty({items, kChunkRows}, hidden.options());
      if (differentiate) part.d_embedding = at::zeros({items, view.width}, hidden.options());
      if (differentiate && in.bias_V.defined()) part.d_bias = at::zeros({items}, hidden.options());
      ChunkPass<T> chunk(view, part);
      const int64_t share = division.rounds * division.chunk_rows;
      const int64_t end = std::min(rows, (p + 1) * share);
      for (int64_t begin = p * share; begin < end; begin += division.chunk_rows) {
        chunk.run(begin, std::min(division.chunk_rows, end - begin), want);
      }
      part.weights_VR.reset();
    }
  });
  pass.loss = losses_N.sum();
  if (!differentiate) return pass;
  for (size_t p = 1; p < parts.size(); ++p) {
    parts[0].d_embedding.add_(parts[p].d_embedding);
    if (in.bias_V.defined()) parts[0].d_bias.add_(parts[p].d_bias);
  }
  pass.d_hidden = pass.d_hidden.narrow(1, 0, width).contiguous();
  pass.d_embedding = parts[0].d_embedding.narrow(1, 0, width).contiguous();
  pass.d_bias = parts[0].d_bias;
  return pass;
}

}  // namespace

CrossEntropyPass cross_entropy_cpu(const CrossEntropyInputs& inputs, Want want) {
  const at::NoGradGuard no_grad;
  return inputs.hidden_ND.scalar_type() == at::kFloat ? run<float>(inputs, want)
                                                      : run<double>(inputs, want);
}

}  // namespace seqsweep
