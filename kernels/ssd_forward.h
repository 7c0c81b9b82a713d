// The forward of SSD on the CPU: one task walks some heads of one sequence, a chunk after another.
// Within a chunk, with w_ij = (C_i . B_j) decay(j -> i) and u_j = dt_j x_j:
//   y_i = sum_{j <= i} w_ij u_j + decay(start -> i) C_i state
//   state <- decay(start -> end) state + sum_j decay(j -> end) B_j u_j^T
// Legend: Q tokens of a chunk, N state, P head width; a state is [N, P].
#pragma once

#include "kernels/row_math.h"
#include "kernels/ssd_walk.h"

namespace seqsweep {

template <typename T>
class SsdForward {
 public:
  // `states` [S, H, P, N], in and out, or nullptr: from zeros.
  SsdForward(const SsdViews<T>& views, TokenRows<T> y, T* states, int64_t chunk)
      : v_(views),
        y_(y),
        states_(states),
        chunk_(chunk),
        steps_(v_.heads_a_block),
        B_NQ_(v_.state, chunk),
        scores_QQ_(chunk, chunk),
        weights_QQ_(chunk, chunk),
        added_QP_(chunk, v_.width),
        out_QP_(chunk, v_.width),
        from_start_(chunk),
        to_end_(chunk),
        decays_(chunk) {
    for (int64_t h = 0; h < v_.heads_a_block; ++h) state_NP_.emplace_back(v_.state, v_.width);
  }

  void run(int64_t sequence, const HeadBlock& block) {
    for (int64_t head = block.first; head < block.end; ++head) {
      for (int64_t token = v_.offsets[sequence]; token < v_.offsets[sequence + 1]; ++token) {
        const T skip = *v_.skip.at(token, head), *x = v_.x.at(token, head);
        T* y = y_.at(token, head);
        for (int64_t p = 0; p < v_.width; ++p) y[p] = skip * x[p];
      }
    }
    for (const DirectionRows<T>& along : v_.directions) walk(sequence, block, along);
  }

 private:
  struct Chunk {
    int64_t first, length;
    bool has_state, keeps_state;
  };

  void walk(int64_t sequence, const HeadBlock& block, const DirectionRows<T>& along) {
    const Span span = v_.walked(sequence, along), read = v_.read(sequence, along);
    if (span.length == 0) return;
    for (int64_t head = block.first; head < block.end; ++head) {
      steps_[head - block.first].fill(along.dt.walk(span, head), span.length, v_.A[head],
                                      v_.dt_bias[head]);
      if (states_ != nullptr && span.length > 1) load_state(sequence, head, block);
    }
    const Walk<T> B = along.B.walk(span, block.group), C = along.C.walk(span, block.group);
    if (states_ != nullptr && span.length == 1) return step(sequence, block, span, B.data, C.data);
    const int64_t length = even_chunk(span.length, chunk_);
    for (int64_t first = 0; first < span.length; first += length) {
      const Chunk chunk{first, std::min(length, span.length - first),
                        first > 0 || states_ != nullptr,
                        first + length < span.length || states_ != nullptr};
      score(B.from(first), C.from(first), chunk.length);
      for (int64_t head = block.first; head < block.end; ++head) {
        mix(head - block.first, chunk, B.from(first), C.from(first),
            v_.x.walk(span, head).from(first), y_.walk(read, head).from(first));
      }
    }
    if (states_ == nullptr) return;
    for (int64_t head = block.first; head < block.end; ++head) store_state(sequence, head, block);
  }

  // C_i . B_j of a chunk, which all heads share; above the diagonal only what completes a tile.
  void score(Walk<T> B, Walk<T> C, int64_t length) {
    B_NQ_.copy_transposed(B, length, v_.state);
    for (int64_t i = 0; i < length; i += kTriangleRows) {
      const int64_t rows = std::min(kTriangleRows, length - i);
      small_gemm<Into::Set>(rows, padded_columns<T>(i + rows), v_.state, C.from(i).left(),
                            B_NQ_.right(), scores_QQ_.rows(i));
    }
  }

  void weigh(const T* decay, int64_t length) {
    for (int64_t i = 0; i < length; ++i) {
      next_decays(decays_.data(), i, decay[i]);
      const T* scores = scores_QQ_.row(i);
      T* weights = weights_QQ_.row(i);
#pragma omp simd
      for (int64_t j = 0; j <= i; ++j) weights[j] = scores[j] * decays_[j];
      std::fill(weights + i + 1, weights + std::min(i + kTriangleRows, chunk_), T(0));
    }
  }

  void mix(int64_t h, const Chunk& chunk, Walk<T> B, Walk<T> C, Walk<T> x, Walk<T> y) {
    const int64_t length = chunk.length, width = out_QP_.padded();
    const T *dt = steps_[h].dt.data() + chunk.first, *decay = steps_[h].decay.data() + chunk.first;
    weigh(decay, length);
    decays_from_start(decay, length, from_start_.data());
    added_QP_.copy_scaled(x, length, v_.width, dt);
    if (chunk.has_state) {
      small_gemm<Into::Set>(length, width, v_.state, C.left(), state_NP_[h].right(),
                            out_QP_.rows());
      out_QP_.scale_rows(length, from_start_.data());
    } else {
      out_QP_.clear(length);
    }
    for (int64_t i = 0; i < length; i += kTriangleRows) {
      const int64_t rows = std::min(kTriangleRows, length - i);
      small_gemm<Into::Add>(rows, width, i + rows, weights_QQ_.left(i), added_QP_.right(),
                            out_QP_.rows(i));
    }
    for (int64_t i = 0; i < length; ++i) {
      const T* out = out_QP_.row(i);
      T* to = y.row(i);
      for (int64_t p = 0; p < v_.width; ++p) to[p] += out[p];
    }
    if (!chunk.keeps_state) return;
    decays_to_end(decay, length, to_end_.data());
    added_QP_.scale_rows(length, to_end_.data());
    if (chunk.has_state) {
      state_NP_[h].scale(v_.state, from_start_[length - 1]);
    } else {
      state_NP_[h].clear(v_.state);
    }
    small_gemm<Into::Add>(v_.state, width, length, B.left_transposed(), added_QP_.right(),
                          state_NP_[h].rows());
  }

  // A single token: the recurrence itself, on the caller's state.
  void step(int64_t sequence, const HeadBlock& block, const Span& span, const T* B, const T* C) {
    for (int64_t head = block.first; head < block.end; ++head) {
      const T dt = steps_[head - block.first].dt[0], decay = steps_[head - block.first].decay[0];
      const T* x = v_.x.at(span.first, head);
      T* y = y_.at(span.first, head);
      for (int64_t p = 0; p < v_.width; ++p) {
        T* state = state_row(sequence, head, p);
        const T added = dt * x[p];
#pragma omp simd
        for (int64_t n = 0; n < v_.state; ++n) state[n] = decay * state[n] + added * B[n];
        y[p] += row_dot(state, C, v_.state);
      }
    }
  }

  T* state_row(int64_t sequence, int64_t head, int64_t p) {
    return states_ + ((sequence * v_.heads + head) * v_.width + p) * v_.state;
  }
  void load_state(int64_t sequence, int64_t head, const HeadBlock& block) {
    state_NP_[head - block.first].copy_transposed({state_row(sequence, head, 0), v_.state},
                                                  v_.width, v_.state);
  }
  void store_state(int64_t sequence, int64_t head, const HeadBlock& block) {
    for (int64_t n = 0; n < v_.state; ++n) {
      const T* from = state_NP_[head - block.first].row(n);
      for (int64_t p = 0; p < v_.width; ++p) state_row(sequence, head, p)[n] = from[p];
    }
  }

  const SsdViews<T>& v_;
  TokenRows<T> y_;
  T* states_;
  int64_t chunk_;
  std::vector<Steps<T>> steps_;  // Of each head of the block.
  std::vector<ScratchMatrix<T>> state_NP_;
  ScratchMatrix<T> B_NQ_, scores_QQ_, weights_QQ_, added_QP_, out_QP_;
  std::vector<T> from_start_, to_end_, decays_;
};

}  // namespace seqsweep
