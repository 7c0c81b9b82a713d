// A panel (kernels/panel_ops.h) with its memory. Every row begins on a line of the cache, and rows
// are not a multiple of 128 bytes apart: many of them would share the few places that a cache has
// for such addresses. Numbers start undefined.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "kernels/small_gemm.h"

namespace seqsweep {

constexpr int64_t kPanelColumns = 16;  // Columns of every panel are a multiple: one or two vectors.

inline int64_t panel_columns(int64_t tokens) {
  return (tokens + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
}

class Panel {
 public:
  Panel(int64_t rows, int64_t columns)
      : stride_(panel_columns(columns) / kPanelColumns % 2 == 0
                    ? panel_columns(columns) + kPanelColumns
                    : panel_columns(columns)),
        numbers_(static_cast<float*>(std::aligned_alloc(kPanelColumns * sizeof(float),
                                                        (rows + 1) * stride_ * sizeof(float)))) {}

  float* row(int64_t i) { return numbers_.get() + i * stride_; }
  Rows<float> rows(int64_t row = 0, int64_t column = 0) {
    return {numbers_.get() + row * stride_ + column, stride_};
  }
  Rows<const float> right(int64_t row = 0, int64_t column = 0) const {
    return {numbers_.get() + row * stride_ + column, stride_};
  }
  Strided<float> left(int64_t row = 0) const {
    return {numbers_.get() + row * stride_, stride_, 1};
  }
  Strided<float> left_transposed(int64_t row = 0) const {
    return {numbers_.get() + row * stride_, 1, stride_};
  }
  // Zeros in columns [begin, end) of the first rows.
  void clear(int64_t rows, int64_t begin, int64_t end) {
    for (int64_t i = 0; i < rows; ++i) std::fill(row(i) + begin, row(i) + end, 0.0F);
  }

 private:
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  int64_t stride_;
  std::unique_ptr<float, Free> numbers_;
};

}  // namespace seqsweep
