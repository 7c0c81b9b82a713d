// A matrix in scratch memory whose rows are padded for small_gemm.h. It starts with zeros and the
// copies leave the padding alone, so that it stays zero where only they write.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "kernels/small_gemm.h"

namespace seqsweep {

// Rows of a tensor in the order of a walk over its tokens: `step` may be negative.
template <typename T>
struct Walk {
  T* data;
  int64_t step;
  T* row(int64_t i) const { return data + i * step; }
  Walk from(int64_t i) const { return {row(i), step}; }
  Strided<T> left() const { return {data, step, 1}; }
  Strided<T> left_transposed() const { return {data, 1, step}; }
};

template <typename T>
constexpr int64_t kTransposeTile = kVectorBytes / sizeof(T);

// Transposes a square of kTransposeTile rows in registers: at each stage the blocks of `step` that
// lie across the diagonal change places.
template <typename T>
inline void transpose_tile(const T* from, int64_t from_step, T* to, int64_t to_step) {
  constexpr int64_t kSize = kTransposeTile<T>;
  using Lane = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  typedef T Vector __attribute__((vector_size(kVectorBytes)));
  typedef T Unaligned __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
  typedef Lane Lanes __attribute__((vector_size(kVectorBytes)));
  Vector rows[kSize];
  for (int64_t i = 0; i < kSize; ++i) {
    rows[i] = *reinterpret_cast<const Unaligned*>(from + i * from_step);
  }
#pragma GCC unroll 4
  for (int64_t step = 1; step < kSize; step *= 2) {
    Lanes upper, lower;
    for (int64_t lane = 0; lane < kSize; ++lane) {
      const bool second = (lane & step) != 0;
      upper[lane] = static_cast<Lane>(second ? kSize + lane - step : lane);
      lower[lane] = static_cast<Lane>(second ? kSize + lane : lane + step);
    }
#pragma GCC unroll 8
    for (int64_t i = 0; i < kSize; ++i) {
      if ((i & step) != 0) continue;
      const Vector a = rows[i], b = rows[i + step];
      rows[i] = __builtin_shuffle(a, b, upper);
      rows[i + step] = __builtin_shuffle(a, b, lower);
    }
  }
  for (int64_t i = 0; i < kSize; ++i) {
    *reinterpret_cast<Unaligned*>(to + i * to_step) = rows[i];
  }
}

template <typename T>
class ScratchMatrix {
 public:
  ScratchMatrix(int64_t rows, int64_t columns)
      : stride_(padded_columns<T>(columns)), numbers_(rows * stride_) {}
  T* row(int64_t i) { return numbers_.data() + i * stride_; }
  int64_t padded() const { return stride_; }
  Rows<T> rows(int64_t row = 0, int64_t column = 0) {
    return {numbers_.data() + row * stride_ + column, stride_};
  }
  Rows<const T> right(int64_t row = 0, int64_t column = 0) {
    return {numbers_.data() + row * stride_ + column, stride_};
  }
  Strided<T> left(int64_t row = 0) { return {numbers_.data() + row * stride_, stride_, 1}; }
  Strided<T> left_transposed(int64_t row = 0, int64_t column = 0) {
    return {numbers_.data() + row * stride_ + column, 1, stride_};
  }
  void at_least(int64_t rows) {
    if (rows * stride_ > static_cast<int64_t>(numbers_.size())) numbers_.resize(rows * stride_);
  }
  void clear(int64_t rows) { std::fill_n(numbers_.data(), rows * stride_, T(0)); }
  void copy(Walk<T> from, int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; ++i) std::copy_n(from.row(i), columns, row(i));
  }
  void copy_scaled(Walk<T> from, int64_t rows, int64_t columns, const T* scale) {
    for (int64_t i = 0; i < rows; ++i) {
      const T* source = from.row(i);
      T* to = row(i);
      for (int64_t j = 0; j < columns; ++j) to[j] = source[j] * scale[i];
    }
  }
  // Row i of the source becomes column i.
  void copy_transposed(Walk<T> from, int64_t rows, int64_t columns) {
    constexpr int64_t kTile = kTransposeTile<T>;
    const int64_t tiled_rows = rows / kTile * kTile, tiled_columns = columns / kTile * kTile;
    for (int64_t i = 0; i < tiled_rows; i += kTile) {
      for (int64_t j = 0; j < tiled_columns; j += kTile) {
        transpose_tile(from.row(i) + j, from.step, row(j) + i, stride_);
      }
    }
    for (int64_t i = 0; i < rows; ++i) {
      const T* source = from.row(i);
      for (int64_t j = i < tiled_rows ? tiled_columns : 0; j < columns; ++j) row(j)[i] = source[j];
    }
  }
  // row i of `to` += scale[i] * column i.
  void add_transposed(Walk<T> to, int64_t rows, int64_t columns, const T* scale) {
    constexpr int64_t kTile = kTransposeTile<T>;
    const int64_t tiled_rows = rows / kTile * kTile, tiled_columns = columns / kTile * kTile;
    T tile[kTile * kTile];
    for (int64_t i = 0; i < tiled_rows; i += kTile) {
      for (int64_t j = 0; j < tiled_columns; j += kTile) {
        transpose_tile(row(j) + i, stride_, tile, kTile);
        for (int64_t k = 0; k < kTile; ++k) {
          T* target = to.row(i + k) + j;
          for (int64_t l = 0; l < kTile; ++l) target[l] += scale[i + k] * tile[k * kTile + l];
        }
      }
    }
    for (int64_t i = 0; i < rows; ++i) {
      T* target = to.row(i);
      for (int64_t j = i < tiled_rows ? tiled_columns : 0; j < columns; ++j) {
        target[j] += scale[i] * row(j)[i];
      }
    }
  }
  void scale_rows(int64_t rows, const T* scale) {
    for (int64_t i = 0; i < rows; ++i) {
      T* to = row(i);
      for (int64_t j = 0; j < stride_; ++j) to[j] *= scale[i];
    }
  }

  void scale(int64_t rows, T factor) {
    for (int64_t i = 0; i < rows * stride_; ++i) numbers_[i] *= factor;
  }

 private:
  int64_t stride_;
  std::vector<T> numbers_;
};

}  // namespace seqsweep
