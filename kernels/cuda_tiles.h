// Matrices in shared memory and their products, float32, by one block of kTileThreads threads.
// Callers put __syncthreads() between writing a tile and reading what another thread wrote. Only
// for .cu files.
#pragma once

#include <cuda_runtime.h>

namespace seqsweep {

constexpr int kTileThreads = 256;

// A matrix in shared memory; one number of padding a row against bank conflicts.
struct Tile {
  float* data;
  int row_stride, column_stride;
  __device__ float& at(int row, int column) const {
    return data[row * row_stride + column * column_stride];
  }
  __device__ Tile transposed() const { return {data, column_stride, row_stride}; }
};

// Hands out tiles one after another.
struct SharedMemory {
  float* next;
  __device__ Tile tile(int rows, int columns) {
    const Tile tile{next, columns + 1, 1};
    next += rows * (columns + 1);
    return tile;
  }
};
constexpr int tile_numbers(int rows, int columns) {
  return rows * (columns + 1);
}

// write(row, column, sum) for each entry of a [rows, depth] x b [depth, columns]. A thread has the
// same entries in every call with the same sizes.
template <typename Write>
__device__ void multiply(int rows, int columns, int depth, Tile a, Tile b, Write write) {
  constexpr int kTileRows = 4;
  const int half = (columns + 1) / 2, row_tiles = (rows + kTileRows - 1) / kTileRows;
  for (int i = threadIdx.x; i < row_tiles * half; i += kTileThreads) {
    const int first_row = i / half * kTileRows, column = i % half;
    const int other = column + half < columns ? column + half : column;
    const float* a_rows[kTileRows];
    for (int r = 0; r < kTileRows; ++r) {
      a_rows[r] = &a.at(first_row + r < rows ? first_row + r : rows - 1, 0);
    }
    float sums[kTileRows][2] = {};
    for (int k = 0; k < depth; ++k) {
      const float b0 = b.at(k, column), b1 = b.at(k, other);
#pragma unroll
      for (int r = 0; r < kTileRows; ++r) {
        const float x = a_rows[r][k * a.column_stride];
        sums[r][0] += x * b0;
        sums[r][1] += x * b1;
      }
    }
    for (int r = 0; r < kTileRows && first_row + r < rows; ++r) {
      write(first_row + r, column, sums[r][0]);
      if (other != column) write(first_row + r, other, sums[r][1]);
    }
  }
}

// dots[row] = row of a . row of b, a warp a row.
__device__ inline void row_dots(Tile a, Tile b, int rows, int columns, float* dots) {
  const int lane = threadIdx.x % 32;
  for (int row = threadIdx.x / 32; row < rows; row += (kTileThreads / 32)) {
    float sum = 0;
    for (int column = lane; column < columns; column += 32) {
      sum += a.at(row, column) * b.at(row, column);
    }
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0U, sum, step);
    if (lane == 0) dots[row] = sum;
  }
}

__device__ inline void scale_rows(Tile tile, int rows, int columns, const float* scale) {
  for (int i = threadIdx.x; i < rows * columns; i += kTileThreads) {
    tile.at(i / columns, i % columns) *= scale[i / columns];
  }
}

}  // namespace seqsweep
