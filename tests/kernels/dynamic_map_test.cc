#include "kernels/dynamic_map.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/golden.h"

namespace seqsweep {
namespace dynamic_map_test {

TEST(DynamicMap, EqualsBitsandbytes) {
  const auto expected = read_golden("nf4")["scale_codebook"];
  const auto ours = dynamic_map(/*is_signed=*/true);
  for (size_t i = 0; i < 256; ++i) {
    EXPECT_NEAR(ours[i], expected[i].get<float>(), 1e-7F * std::max(1.0F, std::abs(ours[i]))) << i;
  }
}

TEST(DynamicMap, UnsignedItGoesFromNothingToOne) {
  const auto numbers = dynamic_map(/*is_signed=*/false);
  EXPECT_EQ(numbers.front(), 0);
  EXPECT_EQ(numbers.back(), 1);
  EXPECT_TRUE(std::ranges::is_sorted(numbers));
}

}  // namespace dynamic_map_test
}  // namespace seqsweep
