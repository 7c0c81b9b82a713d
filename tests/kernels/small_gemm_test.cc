#include "kernels/small_gemm.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "kernels/row_math.h"

namespace seqsweep {
namespace small_gemm_test {

using torch::Tensor;

template <typename T>
void expect_product(int64_t rows, int64_t columns, int64_t depth, const Tensor& a) {
  const Tensor b = torch::randn({depth, columns}, a.options());
  const Tensor c = torch::randn({rows, columns}, a.options()), sum = c + torch::mm(a, b);
  const Strided<T> left{a.data_ptr<T>(), a.stride(0), a.stride(1)};
  const Rows<const T> right{b.data_ptr<T>(), columns};
  const Rows<T> out{c.data_ptr<T>(), columns};
  small_gemm<Into::Add>(rows, columns, depth, left, right, out);
  EXPECT_LT((c - sum).abs().max().item<double>(), 1e-4) << rows << " " << columns << " " << depth;
  small_gemm<Into::Set>(rows, columns, depth, left, right, out);
  EXPECT_LT((c - torch::mm(a, b)).abs().max().item<double>(), 1e-4);
}

TEST(SmallGemm, AgreesWithTorchForAnyRowsAndStrides) {
  for (const int64_t rows : {1, 5, 6, 7, 13, 31}) {
    for (const int64_t depth : {1, 2, 33}) {
      for (const int64_t blocks : {1, 3}) {
        const int64_t columns = blocks * kGemmColumns<float>;
        expect_product<float>(rows, columns, depth, torch::randn({rows, depth}));
        expect_product<float>(rows, columns, depth, torch::randn({depth, rows}).t());
        expect_product<double>(rows, columns, depth, torch::randn({rows, depth}, torch::kDouble));
      }
    }
  }
}

TEST(RowMath, ExpIsAccurateOverItsRange) {
  for (float x = -86.9F; x < 87.9F; x += 0.0371F) {
    EXPECT_NEAR(exp_of(x) / std::exp(static_cast<double>(x)), 1, 3e-7) << x;
  }
  EXPECT_EQ(exp_of(0.0F), 1.0F);
  EXPECT_LT(exp_of(-1000.0F), 1e-37F);
  EXPECT_TRUE(std::isnan(exp_of(std::nanf(""))));
}

TEST(RowMath, SumsAndMaximaAreOfTheWholeRow) {
  for (const int64_t n : {1, 7, 8, 9, 100}) {
    Tensor x = torch::randn({n});
    const float top = x.max().item<float>(), dot = x.dot(x).item<float>();
    EXPECT_EQ(row_max(x.data_ptr<float>(), n), top);
    EXPECT_NEAR(row_dot(x.data_ptr<float>(), x.data_ptr<float>(), n), dot, 1e-4);
    const Tensor e = torch::exp(2 * x - 1);
    EXPECT_NEAR(row_exp_sum(x.data_ptr<float>(), n, 2.0F, 1.0F), e.sum().item<float>(), 1e-3);
    EXPECT_TRUE(torch::allclose(x, e, 1e-5));
  }
}

}  // namespace small_gemm_test
}  // namespace seqsweep
