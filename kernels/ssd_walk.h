// How the CPU kernels of SSD see their tensors: heads of a sequence as walks over its tokens, and
// the decays along a walk.
#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <vector>

#include "kernels/scratch_matrix.h"
#include "kernels/ssd_pass.h"

namespace seqsweep {

// The tokens of a walk: first, first + step, ...
struct Span {
  int64_t first, step, length;
};

// A tensor [T, H] or [T, H, W]: what belongs to a token and a head is contiguous.
template <typename T>
struct TokenRows {
  T* data = nullptr;
  int64_t token_stride = 0, head_stride = 0;
  TokenRows() = default;
  explicit TokenRows(const at::Tensor& rows)
      : data(rows.data_ptr<T>()), token_stride(rows.stride(0)), head_stride(rows.stride(1)) {}
  T* at(int64_t token, int64_t head) const {
    return data + token * token_stride + head * head_stride;
  }
  Walk<T> walk(const Span& span, int64_t head) const {
    return {at(span.first, head), span.step * token_stride};
  }
};

template <typename T>
struct DirectionRows {
  TokenRows<T> dt, B, C;
  int64_t step, delay;
  explicit DirectionRows(const SsdDirection& direction)
      : dt(direction.dt_TH),
        B(direction.B_TGN),
        C(direction.C_TGN),
        step(direction.step),
        delay(direction.delay) {}
};

// The heads of one task: some of one group, so that they share B, C and their products.
struct HeadBlock {
  int64_t group, first, end, part;  // `part`: which of the group's blocks.
};

template <typename T>
struct SsdViews {
  TokenRows<T> x, skip;
  const T *A, *dt_bias;
  std::vector<DirectionRows<T>> directions;
  const int32_t* offsets;
  int64_t sequences, heads, groups, width, state, heads_a_block, blocks_a_group;

  explicit SsdViews(const SsdPass& pass)
      : x(pass.x_THP),
        skip(pass.skip_TH),
        A(pass.A_H.data_ptr<T>()),
        dt_bias(pass.dt_bias_H.data_ptr<T>()),
        directions(pass.directions.begin(), pass.directions.end()),
        offsets(pass.offsets_S1.data_ptr<int32_t>()),
        sequences(pass.offsets_S1.numel() - 1),
        heads(pass.x_THP.size(1)),
        groups(pass.directions[0].B_TGN.size(1)),
        width(pass.x_THP.size(2)),
        state(pass.directions[0].B_TGN.size(2)) {
    // A group is one task where there are many tasks. The division depends on shapes alone, not on
    // the number of threads: so do the bits.
    constexpr int64_t kTasks = 16;
    const int64_t heads_a_group = std::max<int64_t>(heads / groups, 1);
    const int64_t shared = std::max<int64_t>(sequences * groups, 1);
    heads_a_block = std::max<int64_t>(heads_a_group * shared / kTasks, 1);
    heads_a_block = std::min(heads_a_block, heads_a_group);
    blocks_a_group = (heads_a_group + heads_a_block - 1) / heads_a_block;
  }

  int64_t blocks() const { return groups * blocks_a_group; }
  HeadBlock block(int64_t i) const {
    const int64_t group = i / blocks_a_group, part = i % blocks_a_group;
    const int64_t heads_a_group = heads / groups, first = part * heads_a_block;
    return {group, group * heads_a_group + first,
            group * heads_a_group + std::min(first + heads_a_block, heads_a_group), part};
  }
  int64_t length(int64_t sequence) const { return offsets[sequence + 1] - offsets[sequence]; }
  // The tokens that are walked, and those whose y reads the state: `delay` steps ahead.
  Span walked(int64_t sequence, const DirectionRows<T>& along) const {
    const int64_t tokens = length(sequence);
    const int64_t first = along.step > 0 ? offsets[sequence] : offsets[sequence + 1] - 1;
    return {first, along.step, std::max<int64_t>(tokens - along.delay, 0)};
  }
  Span read(int64_t sequence, const DirectionRows<T>& along) const {
    const Span span = walked(sequence, along);
    return {span.first + along.step * along.delay, span.step, span.length};
  }
};

// The longest even chunks that are no longer than `chunk`.
inline int64_t even_chunk(int64_t length, int64_t chunk) {
  const int64_t chunks = (length + chunk - 1) / chunk;
  return (length + chunks - 1) / chunks;
}

// Below this a decay is zero: what it weighs is lost in rounding, and products of numbers that
// small are slow.
template <typename T>
constexpr T kNoDecay = T(1e-30);

// dt after softplus, and e^(dt A), of a head along a walk.
template <typename T>
struct Steps {
  std::vector<T> dt, decay;
  void fill(Walk<T> raw, int64_t length, T A, T bias) {
    dt.resize(length);
    decay.resize(length);
    for (int64_t i = 0; i < length; ++i) {
      const T x = *raw.row(i) + bias;
      dt[i] = std::max(x, T(0)) + std::log1p(std::exp(-std::abs(x)));
      decay[i] = std::exp(dt[i] * A);
    }
  }
};

// Decays from the start of a chunk: the i-th, over steps 0 .. i.
template <typename T>
void decays_from_start(const T* decay, int64_t length, T* from_start) {
  T product = 1;
  for (int64_t i = 0; i < length; ++i) {
    product *= decay[i];
    from_start[i] = product = product < kNoDecay<T> ? T(0) : product;
  }
}
// To its end: the j-th, over steps j + 1 .. length - 1.
template <typename T>
void decays_to_end(const T* decay, int64_t length, T* to_end) {
  T product = 1;
  for (int64_t j = length - 1; j >= 0; --j) {
    to_end[j] = product;
    product *= decay[j];
    product = product < kNoDecay<T> ? T(0) : product;
  }
}
// From row i - 1 of the decays between the steps of a chunk to row i: the j-th, over steps j + 1
// .. i.
template <typename T>
void next_decays(T* row, int64_t i, T decay) {
#pragma omp simd
  for (int64_t j = 0; j < i; ++j) {
    const T product = row[j] * decay;
    row[j] = product < kNoDecay<T> ? T(0) : product;
  }
  row[i] = 1;
}

// Rows that a triangular product takes at once, over columns up to the last row's diagonal.
constexpr int64_t kTriangleRows = 6;

}  // namespace seqsweep
