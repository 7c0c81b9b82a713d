#include "kernels/transpose.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace seqsweep {
namespace transpose_test {

template <typename T>
void expect_transposed(int64_t rows, int64_t columns) {
  const torch::ScalarType dtype = c10::CppTypeToScalarType<T>::value;
  const torch::Tensor from = torch::arange(rows * (columns + 3)).to(dtype).view({rows, -1});
  const torch::Tensor to = torch::full({columns, rows + 2}, -1, dtype);
  transpose<T>(rows, columns, {from.data_ptr<T>(), columns + 3}, {to.data_ptr<T>(), rows + 2});
  EXPECT_TRUE(torch::equal(to.narrow(1, 0, rows), from.narrow(1, 0, columns).t()))
      << rows << " x " << columns;
  EXPECT_TRUE(to.narrow(1, rows, 2).eq(-1).all().item<bool>()) << "wrote beside the result";
}

TEST(Transpose, TurnsAnyShapeOver) {
  for (const int64_t rows : {1, 4, 7, 8, 9, 16, 35}) {
    for (const int64_t columns : {1, 3, 4, 8, 17, 64}) {
      expect_transposed<float>(rows, columns);
      expect_transposed<double>(rows, columns);
    }
  }
}

}  // namespace transpose_test
}  // namespace seqsweep
