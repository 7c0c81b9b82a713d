#include "kernels/checks.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"

namespace seqsweep {
namespace checks_test {

std::string complaint(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Run);
    return error.what();
  }
  return "none";
}

TEST(Checks, ShapesMayLeaveASizeOpen) {
  const torch::Tensor x = torch::zeros({3, 4});
  require_shape("op", "x", x, {3, 4});
  require_shape("op", "x", x, {-1, 4});
  EXPECT_EQ(complaint([&] {
              require_shape("op", "x", x, {-1, 5});
            }),
            "op: x must have shape [*, 5]; it has [3, 4]");
  EXPECT_EQ(complaint([&] { require_shape("op", "x", x, {12}); }),
            "op: x must have shape [12]; it has [3, 4]");
  EXPECT_EQ(complaint([] { require_shape("op", "x", torch::Tensor(), {1}); }),
            "op: x must have shape [1]; it has no value");
}

TEST(Checks, DtypesMustAgreeAndBeKnown) {
  const torch::Tensor x = torch::zeros({3}), wide = torch::zeros({3}, torch::kDouble);
  require_same_device_and_dtype("op", x, x);
  require_floating("op", x);
  require_floating("op", wide);
  EXPECT_NE(complaint([&] { require_same_device_and_dtype("op", x, wide); }), "none");
  EXPECT_NE(complaint([&] { require_floating("op", x.to(torch::kLong)); }), "none");
  EXPECT_NE(complaint([&] { require_floating("op", x.to(torch::kHalf)); }), "none");
}

TEST(Checks, ParametersAreFloatBesideBfloat16) {
  const torch::Tensor x = torch::zeros({3}), narrow = x.to(torch::kBFloat16);
  require_activation("op", x);
  require_activation("op", x.to(torch::kDouble));
  EXPECT_EQ(
      complaint([&] { require_activation("op", narrow); }),
      "op: takes float, on the CPU also double, on CUDA also bfloat16; it got BFloat16 on cpu");
  require_parameter("op", narrow, x);
  require_parameter("op", x, x);
  require_parameter("op", x.to(torch::kDouble), x.to(torch::kDouble));
  EXPECT_EQ(complaint([&] { require_parameter("op", narrow, narrow); }),
            "op: beside BFloat16 on cpu a parameter must be Float on the same device; one is "
            "BFloat16 on cpu");
  EXPECT_NE(complaint([&] { require_parameter("op", x.to(torch::kDouble), x); }), "none");
}

TEST(Checks, InferenceIsWithoutGradientInFloatOnTheCpu) {
  const torch::Tensor x = torch::zeros({3});
  EXPECT_FALSE(infers_on_cpu(x));
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(infers_on_cpu(x));
  EXPECT_FALSE(infers_on_cpu(x.to(torch::kDouble)));
  require_float_on_cpu("op", x);
  EXPECT_EQ(complaint([&] { require_float_on_cpu("op", x.to(torch::kDouble)); }),
            "op: takes float on the CPU; it got Double on cpu");
}

}  // namespace checks_test
}  // namespace seqsweep
