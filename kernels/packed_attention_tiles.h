// Tiles of packed_attention.cu in shared memory, what a lane of a warp computes of them, and how
// the warps of a block are added up. Only for that file. Legend: P head width, padded with zeros to
// 16, 32, 64 or 128; R rows of a lane, 8 R of a tile.
#pragma once

#include "kernels/cuda_launch.h"
#include "kernels/cuda_numbers.h"
#include "kernels/packed_attention_cuda.h"

namespace seqsweep::attention {

constexpr int kColumns = 32, kMaxThreads = 128, kColumnsOfLane = kColumns / 4;
constexpr float kLog2E = 1.44269504F, kLn2 = 0.693147181F;

// Tiles of float, from tensors of T. Sizes in floats. Rows in shared memory have 4 of padding:
// neighbouring rows lie in other banks.
template <typename T, int P, int R>
struct Shape {
  using Number = T;
  static constexpr int kWidth = P, kRowsOfLane = R, kRows = 8 * R, kOfLane = P / 4;
  static constexpr int kStride = P + 4, kWeightStride = kColumns + 4;
  static constexpr int kRowTile = kRows * kStride, kColumnTile = kColumns * kStride;
  static constexpr int kWeights = kRows * kWeightStride;
  static constexpr int kUnrolled = R > 1 ? 1 : 2;  // Steps of a product, by the registers left.
  static constexpr int kReusedTile = kColumnTile > kWeights ? kColumnTile : kWeights;
  static constexpr int kMaxWarps = P > 64 ? 2 : kMaxThreads / 32;  // By the room in shared memory.
};

// Lane (group, member) of a warp has rows group + 8 i and columns member + 4 j of a tile.
struct Lane {
  int warp = threadIdx.x / 32, warps = blockDim.x / 32, index = threadIdx.x % 32;
  int group = index / 4, member = index % 4;
};

// Which rows of which head of which sequence a block works on.
struct Place {
  int head, begin, length, first;  // `first`: of the rows in the sequence.
  __device__ Place(const PackedAttentionParams& p, int tile, int rows)
      : head(blockIdx.z), begin(p.offsets[blockIdx.x]), first(tile * rows) {
    length = p.offsets[blockIdx.x + 1] - begin;
  }
  __device__ int64_t number(const HeadsView& of, int token) const {
    return (begin + token) * of.token_stride + head * of.head_stride;
  }
  __device__ int64_t row(const PackedAttentionParams& p, int token) const {
    return int64_t(begin + token) * p.heads + head;
  }
};

__device__ inline float4& four(float* at) {
  return *reinterpret_cast<float4*>(at);
}
__device__ inline const float4& four(const float* at) {
  return *reinterpret_cast<const float4*>(at);
}

template <typename T>
__device__ bool in_fours(const HeadsView& view, int width) {
  return begins_four<T>(view.data) && (view.token_stride | view.head_stride | width) % 4 == 0;
}

// Begins to copy kAtOnce numbers (1 or 4) to shared memory, through no register; zeros where not
// real.
template <int kAtOnce>
__device__ void begin_copy(float* to, const float* from, bool real) {
#ifdef __CUDA_ARCH__
  const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(to));
  const int bytes = real ? kAtOnce * 4 : 0;
  if constexpr (kAtOnce == 4) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(from), "r"(bytes)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(at), "l"(from), "r"(bytes)
                 : "memory");
  }
#else
  for (int i = 0; i < kAtOnce; ++i) to[i] = real ? from[i] : 0;
#endif
}
// Bfloat16 become float in registers.
template <int kAtOnce>
__device__ void begin_copy(float* to, const Bfloat16* from, bool real) {
  if constexpr (kAtOnce == 4) {
    four(to) = real ? load_four(from) : make_float4(0, 0, 0, 0);
  } else {
    *to = real ? load(from) : 0;
  }
}

// Waits for the copies of this thread; a barrier must follow.
__device__ inline void end_copies() {
#ifdef __CUDA_ARCH__
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

// Begins to copy kRows tokens from `first` on; zeros behind the sequence and the width.
template <typename S, int kRows, int kAtOnce>
__device__ void begin_load_of(float* to, const HeadsView& from, const Place& place, int first,
                              int width, int thread, int threads) {
  constexpr int kCopies = S::kWidth / kAtOnce;
#pragma unroll 2
  for (int i = thread; i < kRows * kCopies; i += threads) {
    const int row = i / kCopies, column = i % kCopies * kAtOnce, token = first + row;
    const bool real = token < place.length && column < width;
    const int64_t at = real ? place.number(from, token) + column : 0;
    const auto* numbers = static_cast<const typename S::Number*>(from.data) + at;
    begin_copy<kAtOnce>(to + row * S::kStride + column, numbers, real);
  }
}
template <typename S, int kRows>
__device__ void begin_load(float* to, const HeadsView& from, const Place& place, int first,
                           int width, int thread, int threads) {
  if (in_fours<typename S::Number>(from, width)) {
    begin_load_of<S, kRows, 4>(to, from, place, first, width, thread, threads);
  } else {
    begin_load_of<S, kRows, 1>(to, from, place, first, width, thread, threads);
  }
}

template <typename S>
using Products = float[S::kRowsOfLane][kColumnsOfLane];
template <typename S>
using Sums = float[S::kRowsOfLane][S::kOfLane];

// products[i][j] = row . column, of this lane's rows and columns.
template <typename S>
__device__ void multiply(const float* rows, const float* columns, const Lane& lane,
                         Products<S>& products) {
  constexpr int kRowsOfLane = S::kRowsOfLane;
  rows += lane.group * S::kStride;
  columns += lane.member * S::kStride;
#pragma unroll
  for (int i = 0; i < kRowsOfLane; ++i) {
#pragma unroll
    for (int j = 0; j < kColumnsOfLane; ++j) products[i][j] = 0;
  }
#pragma unroll(S::kUnrolled)
  for (int p = 0; p < S::kWidth; p += 4) {
    float4 a[kRowsOfLane];
#pragma unroll
    for (int i = 0; i < kRowsOfLane; ++i) a[i] = four(rows + i * 8 * S::kStride + p);
#pragma unroll
    for (int j = 0; j < kColumnsOfLane; ++j) {
      const float4 b = four(columns + j * 4 * S::kStride + p);
#pragma unroll
      for (int i = 0; i < kRowsOfLane; ++i) products[i][j] += a[i].x * b.x;
#pragma unroll
      for (int i = 0; i < kRowsOfLane; ++i) products[i][j] += a[i].y * b.y;
#pragma unroll
      for (int i = 0; i < kRowsOfLane; ++i) products[i][j] += a[i].z * b.z;
#pragma unroll
      for (int i = 0; i < kRowsOfLane; ++i) products[i][j] += a[i].w * b.w;
    }
  }
}

template <typename S>
__device__ void write(const Products<S>& weights, const Lane& lane, float* to) {
  to += lane.group * S::kWeightStride + lane.member;
#pragma unroll
  for (int i = 0; i < S::kRowsOfLane; ++i) {
#pragma unroll
    for (int j = 0; j < kColumnsOfLane; ++j) to[i * 8 * S::kWeightStride + j * 4] = weights[i][j];
  }
}

// sums += weights [rows, 32] x columns [32, P]: of this lane's rows, the fours member + 4 j.
template <typename S>
__device__ void accumulate(const float* weights, const float* columns, const Lane& lane,
                           Sums<S>& sums) {
  constexpr int kRowsOfLane = S::kRowsOfLane;
  weights += lane.group * S::kWeightStride;
  columns += lane.member * 4;
#pragma unroll(S::kUnrolled)
  for (int k = 0; k < kColumns; k += 4) {
    float weight[kRowsOfLane][4];
#pragma unroll
    for (int i = 0; i < kRowsOfLane; ++i) {
      const float4 w = four(weights + i * 8 * S::kWeightStride + k);
      weight[i][0] = w.x, weight[i][1] = w.y, weight[i][2] = w.z, weight[i][3] = w.w;
    }
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int j = 0; j < S::kOfLane; j += 4) {
        const float4 x = four(columns + (k + n) * S::kStride + j * 4);
#pragma unroll
        for (int i = 0; i < kRowsOfLane; ++i) {
          sums[i][j] += weight[i][n] * x.x;
          sums[i][j + 1] += weight[i][n] * x.y;
          sums[i][j + 2] += weight[i][n] * x.z;
          sums[i][j + 3] += weight[i][n] * x.w;
        }
      }
    }
  }
}

// What a warp has summed up, as a tile of rows.
template <typename S>
__device__ void write_part(const Sums<S>& sums, const Lane& lane, float* to) {
  to += lane.group * S::kStride + lane.member * 4;
#pragma unroll
  for (int i = 0; i < S::kRowsOfLane; ++i) {
#pragma unroll
    for (int j = 0; j < S::kOfLane; j += 4) {
      four(to + i * 8 * S::kStride + j * 4) = {sums[i][j], sums[i][j + 1], sums[i][j + 2],
                                               sums[i][j + 3]};
    }
  }
}

// Stores the sum of factor(warp, row) x the parts of all warps, which lie `step` apart.
template <typename S, typename Factor>
__device__ void store(const float* parts, int step, const HeadsView& to, const Place& place,
                      int width, const Lane& lane, Factor factor) {
  for (int i = threadIdx.x; i < S::kRows * S::kWidth; i += blockDim.x) {
    const int row = i / S::kWidth, column = i % S::kWidth;
    if (place.first + row >= place.length || column >= width) continue;
    float sum = 0;
    for (int w = 0; w < lane.warps; ++w) {
      sum += factor(w, row) * parts[w * step + row * S::kStride + column];
    }
    auto* const numbers = static_cast<typename S::Number*>(to.data);
    seqsweep::store(numbers + place.number(to, place.first + row) + column, sum);
  }
}

// Sum or maximum over the lanes of a row.
__device__ inline float sum_of_row(float x) {
  x += __shfl_xor_sync(~0U, x, 1);
  return x + __shfl_xor_sync(~0U, x, 2);
}
__device__ inline float most_of_row(float x) {
  x = fmaxf(x, __shfl_xor_sync(~0U, x, 1));
  return fmaxf(x, __shfl_xor_sync(~0U, x, 2));
}

}  // namespace seqsweep::attention
