// C = A B and C += A B on one core, for the cache-resident tiles inside a kernel. A tile of C of 6
// rows and two vectors stays in registers. A is read an element at a time and may have any strides
// (a transpose is free); rows of B and C are contiguous, their width a multiple of kGemmColumns.
#pragma once

#include <cstdint>
#include <cstring>

namespace seqsweep {

constexpr int64_t kVectorBytes = 32;  // AVX2.
template <typename T>
constexpr int64_t kGemmColumns = 2 * kVectorBytes / sizeof(T);

template <typename T>
constexpr int64_t padded_columns(int64_t columns) {
  return (columns + kGemmColumns<T> - 1) / kGemmColumns<T> * kGemmColumns<T>;
}

template <typename T>
struct Strided {
  const T* data;
  int64_t row_stride, column_stride;
};
template <typename T>
struct Rows {
  T* data;
  int64_t row_stride;
};

enum class Into { Set, Add };

template <Into kInto, int kTileRows, typename T>
inline void gemm_tile(int64_t depth, Strided<T> a, Rows<const T> b, Rows<T> c) {
  constexpr int64_t kLanes = kGemmColumns<T> / 2;
  typedef T Vector __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
  Vector sum[kTileRows][2];
  for (int row = 0; row < kTileRows; ++row) {
    for (int half = 0; half < 2; ++half) {
      const T* from = c.data + row * c.row_stride + half * kLanes;
      sum[row][half] = kInto == Into::Add ? *reinterpret_cast<const Vector*>(from) : Vector{};
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    const T* b_row = b.data + k * b.row_stride;
    const Vector b0 = *reinterpret_cast<const Vector*>(b_row);
    const Vector b1 = *reinterpret_cast<const Vector*>(b_row + kLanes);
    const T* a_column = a.data + k * a.column_stride;
    for (int row = 0; row < kTileRows; ++row) {
      const T x = a_column[row * a.row_stride];
      sum[row][0] += x * b0;
      sum[row][1] += x * b1;
    }
  }
  for (int row = 0; row < kTileRows; ++row) {
    T* to = c.data + row * c.row_stride;
    *reinterpret_cast<Vector*>(to) = sum[row][0];
    *reinterpret_cast<Vector*>(to + kLanes) = sum[row][1];
  }
}

// The fewer than six rows that are left below the tiles, as one tile of their own.
template <Into kInto, int kTileRows, typename T>
inline void gemm_rest(int64_t rows, int64_t depth, Strided<T> a, Rows<const T> b, Rows<T> c) {
  if (rows == kTileRows) {
    gemm_tile<kInto, kTileRows>(depth, a, b, c);
  } else if constexpr (kTileRows > 1) {
    gemm_rest<kInto, kTileRows - 1>(rows, depth, a, b, c);
  }
}

// A [rows, depth], B [depth, columns], C [rows, columns].
template <Into kInto, typename T>
void small_gemm(int64_t rows, int64_t columns, int64_t depth, Strided<T> a, Rows<const T> b,
                Rows<T> c) {
  constexpr int kTileRows = 6;
  for (int64_t column = 0; column < columns; column += kGemmColumns<T>) {
    const Rows<const T> b_tile{b.data + column, b.row_stride};
    int64_t row = 0;
    for (; row + kTileRows <= rows; row += kTileRows) {
      gemm_tile<kInto, kTileRows>(depth,
                                  {a.data + row * a.row_stride, a.row_stride, a.column_stride},
                                  b_tile, {c.data + row * c.row_stride + column, c.row_stride});
    }
    gemm_rest<kInto, kTileRows - 1>(rows - row, depth,
                                    {a.data + row * a.row_stride, a.row_stride, a.column_stride},
                                    b_tile, {c.data + row * c.row_stride + column, c.row_stride});
  }
}

}  // namespace seqsweep
