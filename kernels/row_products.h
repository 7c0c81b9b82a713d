// The products of one vector with many rows, for when a matrix product would have a single row of
// results. Rows are turned over in registers, a block of four numbers of eight rows at a time, so
// that a lane belongs to a row: every product is summed in the order of its numbers, to the bits
// that small_gemm.h gives.
#pragma once

#include <cstdint>

#include "kernels/lanes.h"

namespace seqsweep {

// Four numbers of each of eight rows, `stride` apart, as four vectors of eight rows.
struct EightRows {
  Lanes<float> number[4];

  EightRows(const float* first, int64_t stride) {
    const auto pair = [&](int64_t i) { return join(first + i * stride, first + (i + 4) * stride); };
    const Lanes<float> a = pair(0), b = pair(1), c = pair(2), d = pair(3);
    const Lanes<float> ab = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
    const Lanes<float> cd = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13);
    number[0] = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13);
    number[1] = __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    const Lanes<float> ab_2 = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
    const Lanes<float> cd_2 = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
    number[2] = __builtin_shufflevector(ab_2, cd_2, 0, 1, 8, 9, 4, 5, 12, 13);
    number[3] = __builtin_shufflevector(ab_2, cd_2, 2, 3, 10, 11, 6, 7, 14, 15);
  }

 private:
  typedef float Half __attribute__((vector_size(kVectorBytes / 2)));
  static Half load_half(const float* from) {
    Half half;
    std::memcpy(&half, from, sizeof(half));
    return half;
  }
  static Lanes<float> join(const float* low, const float* high) {
    return __builtin_shufflevector(load_half(low), load_half(high), 0, 1, 2, 3, 4, 5, 6, 7);
  }
};

// kGroups of eight rows: as many sums as hide the latency of adding to one. Meanwhile as many rows
// behind them are fetched, or memory there, which a prefetch may name: the processor sees no
// pattern in how a block is read, and from far memory the reading is all the time there is.
template <int kGroups>
inline void add_products_of(const float* x, const float* rows, int64_t width, float* sums) {
  constexpr int64_t kRows = 8 * kGroups, kLine = 64 / sizeof(float);
  Lanes<float> sum[kGroups];
  for (int g = 0; g < kGroups; ++g) sum[g] = load_lanes(sums + 8 * g);
  int64_t d = 0;
  for (; d + 4 <= width; d += 4) {
    const float* const ahead = rows + kRows * (width + d);
    for (int64_t i = 0; i < 4 * kRows; i += kLine) __builtin_prefetch(ahead + i);
    for (int g = 0; g < kGroups; ++g) {
      const EightRows turned(rows + 8 * g * width + d, width);
      for (int j = 0; j < 4; ++j) sum[g] += x[d + j] * turned.number[j];
    }
  }
  for (; d < width; ++d) {
    for (int g = 0; g < kGroups; ++g) {
      const float* at = rows + 8 * g * width + d;
      Lanes<float> number;
      for (int64_t i = 0; i < kLanes<float>; ++i) number[i] = at[i * width];
      sum[g] += x[d] * number;
    }
  }
  for (int g = 0; g < kGroups; ++g) store_lanes(sums + 8 * g, sum[g]);
}

// sums[i] += x . rows[i], rows [count, width] contiguous.
inline void add_row_products(const float* x, const float* rows, int64_t count, int64_t width,
                             float* sums) {
  int64_t i = 0;
  for (; i + 32 <= count; i += 32) add_products_of<4>(x, rows + i * width, width, sums + i);
  for (; i + 8 <= count; i += 8) add_products_of<1>(x, rows + i * width, width, sums + i);
  for (; i < count; ++i) {
    for (int64_t d = 0; d < width; ++d) sums[i] += x[d] * rows[i * width + d];
  }
}

}  // namespace seqsweep
