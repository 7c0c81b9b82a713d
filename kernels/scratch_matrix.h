// A matrix in scratch memory whose rows are padded for small_gemm.h. It starts with zeros and the
// copies leave the padding alone, so that it stays zero where only they write.
#pragma once

#include <algorithm>
#include <cstdint>
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
    for (int64_t i = 0; i < rows; ++i) {
      const T* source = from.row(i);
      T* to = numbers_.data() + i;
      for (int64_t j = 0; j < columns; ++j) to[j * stride_] = source[j];
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
