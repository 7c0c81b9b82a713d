// One task is one head of one sequence: its keys and values are copied once into padded scratch,
// then blocks of query rows pass over them, each a few small matrix products.
// Legend: L length of the sequence, P head width, R rows of a block; padded: a multiple of the
// vector width of small_gemm.h.
#include "kernels/packed_attention_cpu.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <vector>

#include "kernels/counter_random.h"
#include "kernels/row_math.h"
#include "kernels/small_gemm.h"

namespace seqsweep {

namespace {

constexpr int64_t kBlockRows = 30;  // Five register tiles of small_gemm.

template <typename T>
struct Heads {
  T* data;
  int64_t token_stride, head_stride;
  explicit Heads(const at::Tensor& tensor_THP)
      : data(tensor_THP.data_ptr<T>()),
        token_stride(tensor_THP.stride(0)),
        head_stride(tensor_THP.stride(1)) {}
  T* at(int64_t token, int64_t head) const {
    return data + token * token_stride + head * head_stride;
  }
};

// A scratch matrix whose rows are padded with zeros.
template <typename T>
class Scratch {
 public:
  Scratch(int64_t rows, int64_t columns)
      : row_stride_(padded_columns<T>(columns)), numbers_(rows * row_stride_) {}
  T* row(int64_t i) { return numbers_.data() + i * row_stride_; }
  Rows<T> rows() { return {numbers_.data(), row_stride_}; }
  Rows<const T> right() { return {numbers_.data(), row_stride_}; }
  Strided<T> left() { return {numbers_.data(), row_stride_, 1}; }
  Strided<T> left_transposed() { return {numbers_.data(), 1, row_stride_}; }
  void clear(int64_t rows) { std::fill_n(numbers_.data(), rows * row_stride_, T(0)); }

  void copy(const Heads<T>& from, int64_t head, int64_t begin, int64_t length, int64_t width) {
    for (int64_t i = 0; i < length; ++i) std::copy_n(from.at(begin + i, head), width, row(i));
  }
  void copy_transposed(const Heads<T>& from, int64_t head, int64_t begin, int64_t length,
                       int64_t width) {
    for (int64_t i = 0; i < length; ++i) {
      const T* token = from.at(begin + i, head);
      for (int64_t p = 0; p < width; ++p) row(p)[i] = token[p];
    }
  }

 private:
  int64_t row_stride_;
  std::vector<T> numbers_;
};

struct Geometry {
  const int32_t* offsets;
  int64_t heads, width, max_length;
  double scale;
  DropoutRule dropout;
  RandomKey key;
  bool drops;

  Geometry(const at::Tensor& q_THP, const at::Tensor& offsets_S1, int64_t max_length,
           const AttentionOptions& options)
      : offsets(offsets_S1.data_ptr<int32_t>()),
        heads(q_THP.size(1)),
        width(q_THP.size(2)),
        max_length(max_length),
        scale(1.0 / std::sqrt(static_cast<double>(width))),
        dropout(options.dropout),
        key(random_key(options.seed)),
        drops(options.dropout > 0) {}
  RandomKey row_key(int64_t head, int64_t query) const {
    return derive(derive(key, static_cast<uint32_t>(head)), static_cast<uint32_t>(query));
  }
};

// Forward of one head of one sequence; the scratch serves all tasks of a thread.
template <typename T>
class ForwardTask {
 public:
  ForwardTask(const Geometry& geometry, const at::Tensor& q, const at::Tensor& k,
              const at::Tensor& v, const at::Tensor& out, const at::Tensor& log_sum)
      : g_(geometry),
        q_(q),
        k_(k),
        v_(v),
        out_(out),
        log_sum_(log_sum.data_ptr<T>()),
        keys_PL_(g_.width, g_.max_length),
        values_LP_(g_.max_length, g_.width),
        weights_RL_(kBlockRows, g_.max_length),
        out_RP_(kBlockRows, g_.width) {}

  void run(int64_t sequence, int64_t head) {
    const int64_t begin = g_.offsets[sequence], length = g_.offsets[sequence + 1] - begin;
    keys_PL_.copy_transposed(k_, head, begin, length, g_.width);
    values_LP_.copy(v_, head, begin, length, g_.width);
    for (int64_t first = 0; first < length; first += kBlockRows) {
      block(head, begin, first, std::min(kBlockRows, length - first));
    }
  }

 private:
  void block(int64_t head, int64_t begin, int64_t first, int64_t rows) {
    const int64_t keys = first + rows;
    small_gemm<Into::Set>(rows, padded_columns<T>(keys), g_.width,
                          {q_.at(begin + first, head), q_.token_stride, 1}, keys_PL_.right(),
                          weights_RL_.rows());
    T inverse_sum[kBlockRows];
    for (int64_t i = 0; i < rows; ++i) inverse_sum[i] = weigh(head, begin, first + i, keys);
    small_gemm<Into::Set>(rows, padded_columns<T>(g_.width), keys, weights_RL_.left(),
                          values_LP_.right(), out_RP_.rows());
    for (int64_t i = 0; i < rows; ++i) {
      T* to = out_.at(begin + first + i, head);
      const T* from = out_RP_.row(i);
      for (int64_t p = 0; p < g_.width; ++p) to[p] = from[p] * inverse_sum[i];
    }
  }

  // Turns the scores of a query into its softmax weights before normalisation, those of later keys
  // into zeros; returns 1 / sum.
  T weigh(int64_t head, int64_t begin, int64_t query, int64_t keys) {
    T* weights = weights_RL_.row(query % kBlockRows);
    const T scale = static_cast<T>(g_.scale);
    const T shift = scale * row_max(weights, query + 1);
    const T sum = row_exp_sum(weights, query + 1, scale, shift);
    std::fill(weights + query + 1, weights + keys, T(0));
    log_sum_[(begin + query) * g_.heads + head] = shift + std::log(sum);
    if (g_.drops) {
      const RandomKey key = g_.row_key(head, begin + query);
      for (int64_t j = 0; j <= query; ++j) {
        weights[j] *= g_.dropout.factor(key, static_cast<uint32_t>(j));
      }
    }
    return 1 / sum;
  }

  const Geometry& g_;
  Heads<T> q_, k_, v_, out_;
  T* log_sum_;
  Scratch<T> keys_PL_, values_LP_, weights_RL_, out_RP_;
};

struct BackwardTensors {
  const at::Tensor &q, &k, &v, &out, &log_sum, &d_out, &d_q, &d_k, &d_v;
};

// Backward of one head of one sequence. With w the softmax, m the dropout factors and w' = w m:
// dv = w'^T dout; dw = (dout v^T) m; ds = w (dw - dout.out); dq = ds k, dk = ds^T q, both scaled.
template <typename T>
class BackwardTask {
 public:
  BackwardTask(const Geometry& geometry, const BackwardTensors& t)
      : g_(geometry),
        q_(t.q),
        k_(t.k),
        v_(t.v),
        out_(t.out),
        d_out_(t.d_out),
        d_q_(t.d_q),
        d_k_(t.d_k),
        d_v_(t.d_v),
        log_sum_(t.log_sum.data_ptr<T>()),
        keys_PL_(g_.width, g_.max_length),
        values_PL_(g_.width, g_.max_length),
        keys_LP_(g_.max_length, g_.width),
        d_keys_LP_(g_.max_length, g_.width),
        d_values_LP_(g_.max_length, g_.width),
        weights_RL_(kBlockRows, g_.max_length),
        d_scores_RL_(kBlockRows, g_.max_length),
        queries_RP_(kBlockRows, g_.width),
        d_out_RP_(kBlockRows, g_.width),
        d_queries_RP_(kBlockRows, g_.width) {}

  void run(int64_t sequence, int64_t head) {
    const int64_t begin = g_.offsets[sequence], length = g_.offsets[sequence + 1] - begin;
    keys_PL_.copy_transposed(k_, head, begin, length, g_.width);
    values_PL_.copy_transposed(v_, head, begin, length, g_.width);
    keys_LP_.copy(k_, head, begin, length, g_.width);
    d_keys_LP_.clear(length);
    d_values_LP_.clear(length);
    for (int64_t first = 0; first < length; first += kBlockRows) {
      block(head, begin, first, std::min(kBlockRows, length - first));
    }
    const T scale = static_cast<T>(g_.scale);
    write(d_keys_LP_, d_k_, head, begin, length, scale);
    write(d_values_LP_, d_v_, head, begin, length, T(1));
  }

 private:
  void block(int64_t head, int64_t begin, int64_t first, int64_t rows) {
    const int64_t keys = first + rows, width = padded_columns<T>(g_.width);
    queries_RP_.copy(q_, head, begin + first, rows, g_.width);
    d_out_RP_.copy(d_out_, head, begin + first, rows, g_.width);
    small_gemm<Into::Set>(rows, padded_columns<T>(keys), g_.width, queries_RP_.left(),
                          keys_PL_.right(), weights_RL_.rows());
    small_gemm<Into::Set>(rows, padded_columns<T>(keys), g_.width, d_out_RP_.left(),
                          values_PL_.right(), d_scores_RL_.rows());
    for (int64_t i = 0; i < rows; ++i) differentiate(head, begin, first + i, keys);
    small_gemm<Into::Add>(keys, width, rows, weights_RL_.left_transposed(), d_out_RP_.right(),
                          d_values_LP_.rows());
    small_gemm<Into::Add>(keys, width, rows, d_scores_RL_.left_transposed(), queries_RP_.right(),
                          d_keys_LP_.rows());
    small_gemm<Into::Set>(rows, width, keys, d_scores_RL_.left(), keys_LP_.right(),
                          d_queries_RP_.rows());
    write(d_queries_RP_, d_q_, head, begin + first, rows, static_cast<T>(g_.scale));
  }

  // Scores -> dropped-out softmax weights, dout.v -> gradients of the scores; zeros for later keys.
  void differentiate(int64_t head, int64_t begin, int64_t query, int64_t keys) {
    T* weights = weights_RL_.row(query % kBlockRows);
    T* d_scores = d_scores_RL_.row(query % kBlockRows);
    const int64_t token = begin + query, seen = query + 1;
    const T out_dot = row_dot(out_.at(token, head), d_out_.at(token, head), g_.width);
    row_exp_sum(weights, seen, static_cast<T>(g_.scale), log_sum_[token * g_.heads + head]);
    if (g_.drops) {
      const RandomKey key = g_.row_key(head, token);
      for (int64_t j = 0; j < seen; ++j) {
        const T factor = g_.dropout.factor(key, static_cast<uint32_t>(j));
        d_scores[j] = weights[j] * (d_scores[j] * factor - out_dot);
        weights[j] *= factor;
      }
    } else {
      for (int64_t j = 0; j < seen; ++j) d_scores[j] = weights[j] * (d_scores[j] - out_dot);
    }
    std::fill(weights + seen, weights + keys, T(0));
    std::fill(d_scores + seen, d_scores + keys, T(0));
  }

  void write(Scratch<T>& from, const Heads<T>& to, int64_t head, int64_t begin, int64_t rows,
             T scale) {
    for (int64_t i = 0; i < rows; ++i) {
      T* row = to.at(begin + i, head);
      for (int64_t p = 0; p < g_.width; ++p) row[p] = from.row(i)[p] * scale;
    }
  }

  const Geometry& g_;
  Heads<T> q_, k_, v_, out_, d_out_, d_q_, d_k_, d_v_;
  const T* log_sum_;
  Scratch<T> keys_PL_, values_PL_, keys_LP_, d_keys_LP_, d_values_LP_;
  Scratch<T> weights_RL_, d_scores_RL_, queries_RP_, d_out_RP_, d_queries_RP_;
};

// A task a head of a sequence, in contiguous runs of tasks, one scratch a run.
template <typename MakeTask>
void for_each_head(int64_t sequences, int64_t heads, const MakeTask& make_task) {
  at::parallel_for(0, sequences * heads, 1, [&](int64_t begin, int64_t end) {
    auto task = make_task();
    for (int64_t i = begin; i < end; ++i) task.run(i / heads, i % heads);
  });
}

}  // namespace

std::array<at::Tensor, 2> packed_attention_forward_cpu(
    const at::Tensor& q_THP, const at::Tensor& k_THP, const at::Tensor& v_THP,
    const at::Tensor& offsets_S1, int64_t max_length, const AttentionOptions& options) {
  const Geometry geometry(q_THP, offsets_S1, max_length, options);
  const at::Tensor out = at::empty(q_THP.sizes(), q_THP.options());
  const at::Tensor log_sum = at::empty({q_THP.size(0), q_THP.size(1)}, q_THP.options());
  AT_DISPATCH_FLOATING_TYPES(q_THP.scalar_type(), "packed_attention", [&] {
    for_each_head(offsets_S1.numel() - 1, geometry.heads, [&] {
      return ForwardTask<scalar_t>(geometry, q_THP, k_THP, v_THP, out, log_sum);
    });
  });
  return {out, log_sum};
}

std::array<at::Tensor, 3> packed_attention_backward_cpu(
    const at::Tensor& q_THP, const at::Tensor& k_THP, const at::Tensor& v_THP,
    const at::Tensor& out_THP, const at::Tensor& log_sum_TH, const at::Tensor& d_out_THP,
    const at::Tensor& offsets_S1, int64_t max_length, const AttentionOptions& options) {
  const Geometry geometry(q_THP, offsets_S1, max_length, options);
  const at::Tensor d_qkv =
      at::empty({q_THP.size(0), 3, q_THP.size(1), q_THP.size(2)}, q_THP.options());
  const at::Tensor d_q = d_qkv.select(1, 0), d_k = d_qkv.select(1, 1), d_v = d_qkv.select(1, 2);
  AT_DISPATCH_FLOATING_TYPES(q_THP.scalar_type(), "packed_attention", [&] {
    for_each_head(offsets_S1.numel() - 1, geometry.heads, [&] {
      return BackwardTask<scalar_t>(
          geometry, {q_THP, k_THP, v_THP, out_THP, log_sum_TH, d_out_THP, d_q, d_k, d_v});
    });
  });
  return {d_q, d_k, d_v};
}

}  // namespace seqsweep
