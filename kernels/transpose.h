// A matrix turned over, block by block in registers: for tiles that small_gemm.h wants the other
// way round.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/small_gemm.h"

namespace seqsweep {

// One step of turning over a square block of vectors: rows i and i + kStep trade the halves of each
// 2 kStep by 2 kStep block that lie off its diagonal.
template <int kStep, typename Vector, typename Index, int kLanes, int... kLane>
inline void trade_off_diagonal(Vector (&rows)[kLanes], std::integer_sequence<int, kLane...>) {
  constexpr Index kUpper = {(kLane & kStep) != 0 ? kLanes + kLane - kStep : kLane...};
  constexpr Index kLower = {(kLane & kStep) != 0 ? kLanes + kLane : kLane + kStep...};
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kStep) != 0) continue;
    const Vector upper = __builtin_shuffle(rows[i], rows[i + kStep], kUpper);
    rows[i + kStep] = __builtin_shuffle(rows[i], rows[i + kStep], kLower);
    rows[i] = upper;
  }
}

template <typename T>
inline void transpose_block(Rows<const T> from, Rows<T> to) {
  constexpr int kLanes = kVectorBytes / sizeof(T);
  using Lane = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  typedef T Vector __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
  typedef Lane Index __attribute__((vector_size(kVectorBytes)));
  constexpr auto kAll = std::make_integer_sequence<int, kLanes>();
  Vector rows[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    rows[i] = *reinterpret_cast<const Vector*>(from.data + i * from.row_stride);
  }
  trade_off_diagonal<1, Vector, Index>(rows, kAll);
  trade_off_diagonal<2, Vector, Index>(rows, kAll);
  if constexpr (kLanes == 8) trade_off_diagonal<4, Vector, Index>(rows, kAll);
  for (int i = 0; i < kLanes; ++i) {
    *reinterpret_cast<Vector*>(to.data + i * to.row_stride) = rows[i];
  }
}

// from [rows, columns] -> to [columns, rows].
template <typename T>
void transpose(int64_t rows, int64_t columns, Rows<const T> from, Rows<T> to) {
  constexpr int64_t kLanes = kVectorBytes / sizeof(T);
  const int64_t whole_rows = rows / kLanes * kLanes, whole_columns = columns / kLanes * kLanes;
  for (int64_t row = 0; row < whole_rows; row += kLanes) {
    for (int64_t column = 0; column < whole_columns; column += kLanes) {
      transpose_block<T>({from.data + row * from.row_stride + column, from.row_stride},
                         {to.data + column * to.row_stride + row, to.row_stride});
    }
  }
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = row < whole_rows ? whole_columns : 0; column < columns; ++column) {
      to.data[column * to.row_stride + row] = from.data[row * from.row_stride + column];
    }
  }
}

}  // namespace seqsweep
