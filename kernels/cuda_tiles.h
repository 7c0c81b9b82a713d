// Matrices in shared memory and their products, float32, by one block. A thread computes patches of
// 4 x 4: 16 multiply-adds from two loads of four numbers. All sizes are multiples of 4, padded with
// zeros. Callers put __syncthreads() between writing a tile and reading what another thread wrote.
// Only for .cu files.
#pragma once

#include <cuda_runtime.h>

#include "kernels/cuda_numbers.h"

namespace seqsweep {

constexpr int kPatch = 4;  // A float4.

__host__ __device__ constexpr int padded(int size) {
  return (size + kPatch - 1) / kPatch * kPatch;
}

// A matrix in shared memory; four numbers of padding a row against bank conflicts.
struct Tile {
  float* data;
  int stride;
  __device__ float& at(int row, int column) const { return data[row * stride + column]; }
  // Four columns from `column`, a multiple of 4.
  __device__ float4& quad(int row, int column) const {
    return *reinterpret_cast<float4*>(data + row * stride + column);
  }
};
struct Transposed {
  Tile tile;
};

constexpr int tile_numbers(int rows, int columns) {
  return rows * (columns + kPatch);
}
// Hands out tiles one after another from memory aligned to 16 bytes.
struct SharedMemory {
  float* next;
  __device__ Tile tile(int rows, int columns) {
    const Tile tile{next, columns + kPatch};
    next += rows * tile.stride;
    return tile;
  }
};

// Threads of the block that compute one product, while others compute another.
struct Team {
  int first, threads;
};
__device__ inline Team everyone() {
  return {0, static_cast<int>(blockDim.x)};
}

// to[i] = four columns of row first + i * step; flipped: to[..][i].
template <bool kFlipped>
__device__ void fetch(float (&to)[kPatch][kPatch], Tile from, int first, int step, int column) {
#pragma unroll
  for (int i = 0; i < kPatch; ++i) {
    const float4 four = from.quad(first + i * step, column);
    (kFlipped ? to[0][i] : to[i][0]) = four.x;
    (kFlipped ? to[1][i] : to[i][1]) = four.y;
    (kFlipped ? to[2][i] : to[i][2]) = four.z;
    (kFlipped ? to[3][i] : to[i][3]) = four.w;
  }
}

// Rows row .. row + 3 and columns column, column + column_step, .. of a product.
struct Patch {
  int row, column, column_step;
  float sums[kPatch][kPatch];

  // Adds a [rows, depth] x b [depth, columns].
  template <typename A, typename B>
  __device__ void add(int depth, A a, B b) {
#pragma unroll 1
    for (int k = 0; k < depth; k += kPatch) {
      float left[kPatch][kPatch], right[kPatch][kPatch];  // [row][k], [k][column]
      fetch_left(left, a, k);
      fetch_right(right, b, k);
#pragma unroll
      for (int i = 0; i < kPatch; ++i) {
#pragma unroll
        for (int r = 0; r < kPatch; ++r) {
#pragma unroll
          for (int c = 0; c < kPatch; ++c) sums[r][c] += left[r][i] * right[i][c];
        }
      }
    }
  }
  // Row i of the patch times scale[row + i].
  __device__ void scale(const float* scale) {
#pragma unroll
    for (int r = 0; r < kPatch; ++r) {
#pragma unroll
      for (int c = 0; c < kPatch; ++c) sums[r][c] *= scale[row + r];
    }
  }

 private:
  __device__ void fetch_left(float (&to)[kPatch][kPatch], Tile a, int k) const {
    fetch<false>(to, a, row, 1, k);
  }
  __device__ void fetch_left(float (&to)[kPatch][kPatch], Transposed a, int k) const {
    fetch<true>(to, a.tile, k, 1, row);
  }
  __device__ void fetch_right(float (&to)[kPatch][kPatch], Tile b, int k) const {
    fetch<false>(to, b, k, 1, column);
  }
  __device__ void fetch_right(float (&to)[kPatch][kPatch], Transposed b, int k) const {
    fetch<true>(to, b.tile, column, column_step, k);
  }
};

// use(patch), with sums of zero, for each patch of a [rows, columns] matrix. Columns lie side by
// side, or `spread`: what a transposed right side needs against bank conflicts.
template <typename Use>
__device__ void each_patch(Team team, int rows, int columns, bool spread, Use use) {
  const int thread = static_cast<int>(threadIdx.x) - team.first, across = columns / kPatch;
  if (thread < 0 || thread >= team.threads) return;
  for (int i = thread; i < rows / kPatch * across; i += team.threads) {
    const int column = i % across;
    Patch patch{i / across * kPatch, spread ? column : column * kPatch, spread ? across : 1, {}};
    use(patch);
  }
}

// to = a [rows, depth] x b [depth, columns].
template <typename A>
__device__ void multiply(Team team, int rows, int columns, int depth, A a, Tile b, Tile to) {
  each_patch(team, rows, columns, /*spread=*/false, [&](Patch& patch) {
    patch.add(depth, a, b);
#pragma unroll
    for (int r = 0; r < kPatch; ++r) {
      const float* sums = patch.sums[r];
      to.quad(patch.row + r, patch.column) = make_float4(sums[0], sums[1], sums[2], sums[3]);
    }
  });
}
template <typename A>
__device__ void multiply(Team team, int rows, int columns, int depth, A a, Transposed b, Tile to) {
  each_patch(team, rows, columns, /*spread=*/true, [&](Patch& patch) {
    patch.add(depth, a, b);
#pragma unroll
    for (int r = 0; r < kPatch; ++r) {
#pragma unroll
      for (int c = 0; c < kPatch; ++c) {
        to.at(patch.row + r, patch.column + c * patch.column_step) = patch.sums[r][c];
      }
    }
  });
}

// put(row, column, number) for all of a tile, a warp a row; from(row) is where the row's first
// `used` numbers lie, float or bfloat16, or nullptr: zeros. Each thread has eight loads under way.
template <typename From, typename Put>
__device__ void read_rows(int rows, int columns, int used, From from, Put put) {
  constexpr int kDown = 4, kAcross = 2;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  for (int top = warp; top < rows; top += kDown * warps) {
    for (int left = lane; left < columns; left += kAcross * 32) {
      float held[kDown][kAcross];
#pragma unroll
      for (int r = 0; r < kDown; ++r) {
        const auto* const row = top + r * warps < rows ? from(top + r * warps) : nullptr;
#pragma unroll
        for (int c = 0; c < kAcross; ++c) {
          const int column = left + c * 32;
          held[r][c] = row != nullptr && column < used ? load(row + column) : 0.0F;
        }
      }
#pragma unroll
      for (int r = 0; r < kDown; ++r) {
#pragma unroll
        for (int c = 0; c < kAcross; ++c) {
          if (top + r * warps < rows && left + c * 32 < columns) {
            put(top + r * warps, left + c * 32, held[r][c]);
          }
        }
      }
    }
  }
}

// to[column ..] of a row of `columns` numbers that begins at a multiple of 4 where `columns` is
// one: `four`, as many as there are; `add`: to what is there.
template <typename T>
__device__ void put_four(T* to, int column, int columns, const float* four, bool add) {
  if (columns % kPatch == 0) {
    const float4 old = add ? load_four(to + column) : make_float4(0, 0, 0, 0);
    store_four(to + column, {old.x + four[0], old.y + four[1], old.z + four[2], old.w + four[3]});
    return;
  }
#pragma unroll
  for (int c = 0; c < kPatch; ++c) {
    if (column + c < columns)
      store(to + column + c, (add ? load(to + column + c) : 0.0F) + four[c]);
  }
}

// dots[row] = row of a . row of b, a warp a row.
__device__ inline void row_dots(Tile a, Tile b, int rows, int columns, float* dots) {
  const int lane = threadIdx.x % 32, warps = blockDim.x / 32;
  for (int row = threadIdx.x / 32; row < rows; row += warps) {
    float sum = 0;
    for (int column = lane; column < columns; column += 32) {
      sum += a.at(row, column) * b.at(row, column);
    }
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0U, sum, step);
    if (lane == 0) dots[row] = sum;
  }
}

__device__ inline void scale_rows(Tile tile, int rows, int columns, const float* scale) {
  const int lane = threadIdx.x % 32, warps = blockDim.x / 32;
  for (int row = threadIdx.x / 32; row < rows; row += warps) {
    for (int column = lane; column < columns; column += 32) tile.at(row, column) *= scale[row];
  }
}

}  // namespace seqsweep
