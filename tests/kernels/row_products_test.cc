#include "kernels/row_products.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace seqsweep {
namespace row_products_test {

using torch::Tensor;

TEST(RowProducts, AreSummedAsSmallGemmDoes) {
  torch::manual_seed(5);
  for (const int64_t count : {1, 7, 8, 31, 32, 75}) {
    for (const int64_t width : {1, 3, 4, 64, 66}) {
      const int64_t columns = padded_columns<float>(count);
      const Tensor x = torch::randn({width}), rows = torch::randn({count, width});
      const Tensor turned = torch::zeros({width, columns}), start = torch::randn({columns});
      turned.narrow(1, 0, count).copy_(rows.t());
      const Tensor ours = start.clone(), plain = start.clone();
      add_row_products(x.data_ptr<float>(), rows.data_ptr<float>(), count, width,
                       ours.data_ptr<float>());
      small_gemm<Into::Add>(1, columns, width, Strided<float>{x.data_ptr<float>(), width, 1},
                            Rows<const float>{turned.data_ptr<float>(), columns},
                            Rows<float>{plain.data_ptr<float>(), columns});
      EXPECT_TRUE(torch::equal(ours.narrow(0, 0, count), plain.narrow(0, 0, count)))
          << count << " x " << width;
    }
  }
}

}  // namespace row_products_test
}  // namespace seqsweep
