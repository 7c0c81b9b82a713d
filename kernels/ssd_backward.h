// The backward of SSD on the CPU: one task walks some heads of one sequence, first forward for the
// states at the chunks' starts, then its chunks from the last to the first. In the words of
// ssd_forward.h, with g the gradient of the state at a chunk's end, [P, N] like the state here:
//   dw_ij = dy_i . u_j;  du_j = sum_{i >= j} w_ij dy_i + decay(j -> end) g B_j
//   dC_i = sum_j dw_ij decay(j -> i) B_j + decay(start -> i) state^T dy_i, dB likewise
//   g <- decay(start -> end) g + sum_i decay(start -> i) dy_i C_i^T
// The gradient of log decay k is the sum over all that passed step k: pairs j < k <= i, reads of
// the start by i >= k, additions to the end by j < k, and the state itself.
// Legend: Q tokens of a chunk, N state, P head width.
#pragma once

#include "kernels/row_math.h"
#include "kernels/ssd_walk.h"

namespace seqsweep {

// Where the gradients go. d_A [S, H]; d_skip [T, H]; of a direction d_dt [T, H] and, a part for
// each of the blocks of a group, d_B and d_C [part, T, G, N].
template <typename T>
struct SsdGradientViews {
  TokenRows<T> x, skip;
  T* A;
  struct Direction {
    TokenRows<T> dt;
    std::vector<TokenRows<T>> B, C;
  };
  std::vector<Direction> directions;
};

template <typename T>
class SsdBackward {
 public:
  SsdBackward(const SsdViews<T>& views, TokenRows<T> d_y, const SsdGradientViews<T>& gradients,
              int64_t chunk)
      : v_(views),
        d_y_(d_y),
        d_(gradients),
        chunk_(chunk),
        steps_(v_.heads_a_block),
        starts_PN_(0, v_.state),
        B_QN_(chunk, v_.state),
        C_QN_(chunk, v_.state),
        B_NQ_(v_.state, chunk),
        scaled_QN_(chunk, v_.state),
        d_B_QN_(chunk, v_.state),
        d_C_QN_(chunk, v_.state),
        scores_QQ_(chunk, chunk),
        d_scores_QQ_(chunk, chunk),
        weights_QQ_(chunk, chunk),
        d_weights_QQ_(chunk, chunk),
        x_PQ_(v_.width, chunk),
        d_added_PQ_(v_.width, chunk),
        from_start_(chunk),
        to_end_(chunk),
        decays_(chunk),
        d_log_decay_(chunk),
        direct_(chunk),
        factors_(chunk) {
    for (int64_t h = 0; h < v_.heads_a_block; ++h) d_end_PN_.emplace_back(v_.width, v_.state);
  }

  void run(int64_t sequence, const HeadBlock& block) {
    for (int64_t head = block.first; head < block.end; ++head) {
      for (int64_t token = v_.offsets[sequence]; token < v_.offsets[sequence + 1]; ++token) {
        const T skip = *v_.skip.at(token, head), *d_y = d_y_.at(token, head);
        T* d_x = d_.x.at(token, head);
        for (int64_t p = 0; p < v_.width; ++p) d_x[p] = skip * d_y[p];
        *d_.skip.at(token, head) = row_dot(v_.x.at(token, head), d_y, v_.width);
      }
    }
    for (size_t i = 0; i < v_.directions.size(); ++i) {
      walk(sequence, block, v_.directions[i], d_.directions[i]);
    }
  }

 private:
  using Direction = typename SsdGradientViews<T>::Direction;
  struct Chunk {
    int64_t index, first, length;
    bool has_start, has_end;  // Whether a chunk lies before, and one after it.
  };
  // One head in one chunk.
  struct Head {
    int64_t index, number;  // In the block, and in all.
    Walk<T> x, d_y, d_x, d_dt;
  };

  void walk(int64_t sequence, const HeadBlock& block, const DirectionRows<T>& along,
            const Direction& d) {
    const Span span = v_.walked(sequence, along), read = v_.read(sequence, along);
    clear_unwalked(sequence, block, along, d);
    if (span.length == 0) return;
    const int64_t length = even_chunk(span.length, chunk_);
    const int64_t chunks = (span.length + length - 1) / length;
    const Walk<T> B = along.B.walk(span, block.group), C = along.C.walk(span, block.group);
    find_starts(block, along, span, length, chunks);
    for (int64_t c = chunks - 1; c >= 0; --c) {
      const int64_t first = c * length;
      const Chunk chunk{c, first, std::min(length, span.length - first), c > 0, c + 1 < chunks};
      begin_chunk(B.from(first), C.from(first), chunk.length);
      for (int64_t number = block.first; number < block.end; ++number) {
        const Head head{number - block.first,
                        number,
                        v_.x.walk(span, number).from(first),
                        d_y_.walk(read, number).from(first),
                        d_.x.walk(span, number).from(first),
                        d.dt.walk(span, number).from(first)};
        const int64_t start = head.index * (chunks - 1) + c - 1;
        d_.A[sequence * v_.heads + number] += differentiate(head, chunk, start * v_.width);
      }
      end_chunk(d.B[block.part].walk(span, block.group).from(first),
                d.C[block.part].walk(span, block.group).from(first), chunk.length);
    }
  }

  // With a delay nothing is read after the walk's last token: it is not walked.
  void clear_unwalked(int64_t sequence, const HeadBlock& block, const DirectionRows<T>& along,
                      const Direction& d) {
    if (along.delay == 0 || v_.length(sequence) == 0) return;
    const int64_t token = along.step > 0 ? v_.offsets[sequence + 1] - 1 : v_.offsets[sequence];
    for (int64_t head = block.first; head < block.end; ++head) *d.dt.at(token, head) = 0;
    std::fill_n(d.B[block.part].at(token, block.group), v_.state, T(0));
    std::fill_n(d.C[block.part].at(token, block.group), v_.state, T(0));
  }

  // Steps of all heads and the states at the starts of all chunks but the first.
  void find_starts(const HeadBlock& block, const DirectionRows<T>& along, const Span& span,
                   int64_t length, int64_t chunks) {
    starts_PN_.at_least((block.end - block.first) * (chunks - 1) * v_.width);
    const Walk<T> B = along.B.walk(span, block.group);
    for (int64_t head = block.first; head < block.end; ++head) {
      Steps<T>& steps = steps_[head - block.first];
      steps.fill(along.dt.walk(span, head), span.length, v_.A[head], v_.dt_bias[head]);
      const Walk<T> x = v_.x.walk(span, head);
      for (int64_t c = 0; c + 1 < chunks; ++c) {
        const int64_t first = c * length;
        const int64_t row = ((head - block.first) * (chunks - 1) + c) * v_.width;
        const T *decay = &steps.decay[first], *dt = &steps.dt[first];
        decays_to_end(decay, length, factors_.data());
        const T whole = factors_[0] * decay[0];
        for (int64_t j = 0; j < length; ++j) factors_[j] *= dt[j];
        scaled_QN_.copy_scaled(B.from(first), length, v_.state, factors_.data());
        const int64_t numbers = v_.width * starts_PN_.padded();
        T* state = starts_PN_.row(row);
        if (c == 0) {
          std::fill_n(state, numbers, T(0));
        } else {
          const T* before = state - numbers;
          for (int64_t i = 0; i < numbers; ++i) state[i] = whole * before[i];
        }
        small_gemm<Into::Add>(v_.width, starts_PN_.padded(), length,
                              x.from(first).left_transposed(), scaled_QN_.right(),
                              starts_PN_.rows(row));
      }
    }
  }

  // What all heads share.
  void begin_chunk(Walk<T> B, Walk<T> C, int64_t length) {
    B_QN_.copy(B, length, v_.state);
    C_QN_.copy(C, length, v_.state);
    B_NQ_.copy_transposed(B, length, v_.state);
    for (int64_t i = 0; i < length; i += kTriangleRows) {
      const int64_t rows = std::min(kTriangleRows, length - i);
      small_gemm<Into::Set>(rows, padded_columns<T>(i + rows), v_.state, C_QN_.left(i),
                            B_NQ_.right(), scores_QQ_.rows(i));
    }
    d_scores_QQ_.clear(length);
    d_B_QN_.clear(length);
    d_C_QN_.clear(length);
  }

  void end_chunk(Walk<T> d_B, Walk<T> d_C, int64_t length) {
    const int64_t state = d_B_QN_.padded();
    for (int64_t i = 0; i < length; i += kTriangleRows) {
      const int64_t rows = std::min(kTriangleRows, length - i);
      small_gemm<Into::Add>(rows, state, i + rows, d_scores_QQ_.left(i), B_QN_.right(),
                            d_C_QN_.rows(i));
      small_gemm<Into::Add>(rows, state, length - i, d_scores_QQ_.left_transposed(i, i),
                            C_QN_.right(i), d_B_QN_.rows(i));
    }
    for (int64_t i = 0; i < length; ++i) {
      std::copy_n(d_B_QN_.row(i), v_.state, d_B.row(i));
      std::copy_n(d_C_QN_.row(i), v_.state, d_C.row(i));
    }
  }

  // Returns this chunk's part of the gradient of A.
  T differentiate(const Head& head, const Chunk& chunk, int64_t start_row) {
    const T* dt = &steps_[head.index].dt[chunk.first];
    const T* decay = &steps_[head.index].decay[chunk.first];
    decays_from_start(decay, chunk.length, from_start_.data());
    decays_to_end(decay, chunk.length, to_end_.data());
    differentiate_weights(head, dt, decay, chunk.length);
    differentiate_added(head, chunk, dt);
    sum_over_pairs(chunk.length);
    if (chunk.has_start) differentiate_reads(head, chunk.length, start_row);
    if (chunk.has_end) differentiate_additions(head, dt, chunk.length);
    if (chunk.has_start) carry(head, chunk, start_row);
    T d_A = 0;
    const T A = v_.A[head.number];
    for (int64_t k = 0; k < chunk.length; ++k) {
      d_A += d_log_decay_[k] * dt[k];
      const T d_dt = d_log_decay_[k] * A + direct_[k];
      *head.d_dt.row(k) = d_dt * -std::expm1(-dt[k]);  // The derivative of softplus.
    }
    return d_A;
  }

  // Fills the weights, adds to the gradients of the scores, and leaves in d_weights the gradients
  // of the log decays of the pairs.
  void differentiate_weights(const Head& head, const T* dt, const T* decay, int64_t length) {
    x_PQ_.copy_transposed(head.x, length, v_.width);
    for (int64_t i = 0; i < length; i += kTriangleRows) {
      const int64_t rows = std::min(kTriangleRows, length - i);
      small_gemm<Into::Set>(rows, padded_columns<T>(i + rows), v_.width, head.d_y.from(i).left(),
                            x_PQ_.right(), d_weights_QQ_.rows(i));
    }
    for (int64_t i = 0; i < length; ++i) {
      next_decays(decays_.data(), i, decay[i]);
      const T *scores = scores_QQ_.row(i), *decays = decays_.data();
      T *weights = weights_QQ_.row(i), *d_weights = d_weights_QQ_.row(i);
      T* d_scores = d_scores_QQ_.row(i);
#pragma omp simd
      for (int64_t j = 0; j <= i; ++j) {
        const T d_score = d_weights[j] * dt[j] * decays[j];
        weights[j] = scores[j] * decays[j];
        d_scores[j] += d_score;
        d_weights[j] = d_score * scores[j];
      }
      std::fill(weights + i + 1, weights + weights_QQ_.padded(), T(0));
    }
  }

  // The gradients of u = dt x, and from them those of x and, directly, of dt.
  void differentiate_added(const Head& head, const Chunk& chunk, const T* dt) {
    const int64_t length = chunk.length, columns = padded_columns<T>(length);
    if (chunk.has_end) {
      small_gemm<Into::Set>(v_.width, columns, v_.state, d_end_PN_[head.index].left(),
                            B_NQ_.right(), d_added_PQ_.rows());
      for (int64_t p = 0; p < v_.width; ++p) {
        T* d_added = d_added_PQ_.row(p);
        for (int64_t j = 0; j < length; ++j) d_added[j] *= to_end_[j];
      }
    } else {
      d_added_PQ_.clear(v_.width);
    }
    for (int64_t j = 0; j < length; j += kGemmColumns<T>) {
      small_gemm<Into::Add>(v_.width, kGemmColumns<T>, length - j,
                            head.d_y.from(j).left_transposed(), weights_QQ_.right(j, j),
                            d_added_PQ_.rows(0, j));
    }
    std::fill_n(direct_.data(), length, T(0));
    for (int64_t p = 0; p < v_.width; ++p) {
      const T *x = x_PQ_.row(p), *d_added = d_added_PQ_.row(p);
      for (int64_t j = 0; j < length; ++j) direct_[j] += x[j] * d_added[j];
    }
    d_added_PQ_.add_transposed(head.d_x, length, v_.width, dt);
  }

  // From the last row up: for each k the sum over rows i >= k and columns j < k.
  void sum_over_pairs(int64_t length) {
    T* below = decays_.data();  // Sums of columns, over the rows from the k-th.
    std::fill_n(below, length, T(0));
    d_log_decay_[0] = 0;
    for (int64_t k = length - 1; k > 0; --k) {
      const T* row = d_weights_QQ_.row(k);
      T sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int64_t j = 0; j < k; ++j) {
        below[j] += row[j];
        sum += below[j];
      }
      d_log_decay_[k] = sum;
    }
  }

  // y_i = decay(start -> i) C_i state.
  void differentiate_reads(const Head& head, int64_t length, int64_t start_row) {
    small_gemm<Into::Set>(length, scaled_QN_.padded(), v_.width, head.d_y.left(),
                          starts_PN_.right(start_row), scaled_QN_.rows());
    T later = 0;
    for (int64_t i = length - 1; i >= 0; --i) {
      const T* read = scaled_QN_.row(i);
      T* d_C = d_C_QN_.row(i);
      for (int64_t n = 0; n < v_.state; ++n) d_C[n] += from_start_[i] * read[n];
      later += from_start_[i] * row_dot(C_QN_.row(i), read, v_.state);
      d_log_decay_[i] += later;
    }
  }

  // state = ... + decay(j -> end) B_j u_j^T.
  void differentiate_additions(const Head& head, const T* dt, int64_t length) {
    small_gemm<Into::Set>(length, scaled_QN_.padded(), v_.width, head.x.left(),
                          d_end_PN_[head.index].right(), scaled_QN_.rows());
    T earlier = 0;
    for (int64_t j = 0; j < length; ++j) {
      const T* added = scaled_QN_.row(j);
      const T factor = to_end_[j] * dt[j];
      T* d_B = d_B_QN_.row(j);
      for (int64_t n = 0; n < v_.state; ++n) d_B[n] += factor * added[n];
      d_log_decay_[j] += earlier;
      earlier += factor * row_dot(B_QN_.row(j), added, v_.state);
    }
  }

  // The gradient of the state goes from the chunk's end to its start.
  void carry(const Head& head, const Chunk& chunk, int64_t start_row) {
    ScratchMatrix<T>& d_end = d_end_PN_[head.index];
    const T whole = from_start_[chunk.length - 1];
    if (chunk.has_end) {
      const T through =
          whole * row_dot(starts_PN_.row(start_row), d_end.row(0), v_.width * d_end.padded());
      for (int64_t k = 0; k < chunk.length; ++k) d_log_decay_[k] += through;
      d_end.scale(v_.width, whole);
    } else {
      d_end.clear(v_.width);
    }
    for (int64_t i = 0; i < chunk.length; ++i) {
      const T *C = C_QN_.row(i), factor = from_start_[i];
      T* scaled = scaled_QN_.row(i);
      for (int64_t n = 0; n < v_.state; ++n) scaled[n] = factor * C[n];
    }
    small_gemm<Into::Add>(v_.width, d_end.padded(), chunk.length, head.d_y.left_transposed(),
                          scaled_QN_.right(), d_end.rows());
  }

  const SsdViews<T>& v_;
  TokenRows<T> d_y_;
  const SsdGradientViews<T>& d_;
  int64_t chunk_;
  std::vector<Steps<T>> steps_;             // Of each head of the block.
  ScratchMatrix<T> starts_PN_;              // For each of them, of each chunk but the first.
  std::vector<ScratchMatrix<T>> d_end_PN_;  // g, of each of them.
  ScratchMatrix<T> B_QN_, C_QN_, B_NQ_, scaled_QN_, d_B_QN_, d_C_QN_;
  ScratchMatrix<T> scores_QQ_, d_scores_QQ_, weights_QQ_, d_weights_QQ_, x_PQ_, d_added_PQ_;
  std::vector<T> from_start_, to_end_, decays_, d_log_decay_, direct_, factors_;
};

}  // namespace seqsweep
