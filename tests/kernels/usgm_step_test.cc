#include "kernels/usgm_step.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

#include "core/base/error.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace usgm_step_test {

using torch::Tensor;

constexpr UsgmRule kEverything{.diameter = 2,
                               .max_step = 0.4,
                               .metric_decay = 0.9,
                               .metric_eps = 1e-6,
                               .average_power = 1,
                               .step_scale = 1.5,
                               .ball = true};

// All parts, whatever the rule uses of them.
UsgmTensors all_parts(int64_t size, torch::ScalarType dtype, c10::Device device = c10::kCPU) {
  torch::manual_seed(5);
  const auto options = torch::TensorOptions(dtype).device(device);
  const Tensor values = torch::randn({size}, torch::kDouble).to(options);
  return {.values = values,
          .gradients = torch::zeros({size}, options),
          .step = torch::zeros({size}, options),
          .second_moment = torch::zeros({size}, options),
          .origin = values.clone(),
          .average = values.clone(),
          .scalars = new_usgm_scalars(3, kEverything, device)};
}

UsgmScalars after(const UsgmTensors& tensors, int steps, const UsgmRule& rule = kEverything) {
  for (int i = 0; i < steps; ++i) {
    torch::manual_seed(100 + i);
    const auto size = tensors.values.numel();
    tensors.gradients.copy_(torch::randn({size}, torch::kDouble) + 2 * tensors.values.cpu());
    usgm_step(tensors, rule);
  }
  return read_usgm_scalars(tensors.scalars);
}

// The same with whole-tensor operators, in float64.
UsgmScalars expected_after(UsgmTensors& t, int steps) {
  const UsgmRule& rule = kEverything;
  UsgmScalars scalars = read_usgm_scalars(t.scalars);
  for (int i = 0; i < steps; ++i) {
    torch::manual_seed(100 + i);
    const Tensor g = torch::randn({t.values.numel()}, torch::kDouble) + 2 * t.values;
    t.second_moment = rule.metric_decay * t.second_moment + (1 - rule.metric_decay) * g.square();
    const Tensor b = (t.second_moment / scalars.correction).sqrt() + rule.metric_eps;
    const Tensor away = t.values - t.origin;
    const auto sum = [](const Tensor& x) { return x.sum().item<double>(); };
    decide_step(scalars,
                {.turned = sum(g * t.step),
                 .square = sum(g.square() / b),
                 .metric = sum(b),
                 .distance = sum(b * away.square()),
                 .outward = sum(g * away)},
                static_cast<double>(g.numel()), rule);
    const Tensor metric = b / scalars.mean_metric;
    const Tensor end =
        t.origin + scalars.pull * (t.values - scalars.length * g / metric - t.origin);
    t.step = end - t.values;
    t.values = end;
    const double share = (rule.average_power + 1) / (i + 1 + rule.average_power);
    t.average = t.average + share * (t.values - t.average);
    end_step(scalars, sum(g * t.step), sum(metric * t.step.square()), rule);
  }
  return scalars;
}

TEST(UsgmStep, AgreesWithWholeTensorOperators) {
  for (const int64_t size : {1, 2, 31, 1000, (1 << 14) - 1, 1 << 14, (1 << 14) + 1, 50'000}) {
    UsgmTensors plain = all_parts(size, torch::kDouble);
    const UsgmScalars expected = expected_after(plain, 6);
    const UsgmTensors exact = all_parts(size, torch::kDouble);
    const UsgmTensors rounded = all_parts(size, torch::kFloat);
    EXPECT_NEAR(after(exact, 6).h, expected.h, 1e-11 * expected.h) << size;
    EXPECT_NEAR(after(rounded, 6).h, expected.h, 1e-4 * expected.h) << size;
    EXPECT_TRUE(torch::allclose(exact.values, plain.values, 1e-10, 1e-11)) << size;
    EXPECT_TRUE(torch::allclose(exact.average, plain.average, 1e-10, 1e-11)) << size;
    EXPECT_TRUE(torch::allclose(rounded.values, plain.values.to(torch::kFloat), 1e-3, 1e-4))
        << size;
  }
}

TEST(UsgmStep, GivesTheSameBitsWithAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  const UsgmTensors one = all_parts(100'000, torch::kFloat);
  const UsgmTensors two = all_parts(100'000, torch::kFloat);
  at::set_num_threads(1);
  after(one, 5);
  at::set_num_threads(2);
  after(two, 5);
  at::set_num_threads(threads);
  EXPECT_TRUE(torch::equal(one.values, two.values));
  EXPECT_TRUE(torch::equal(one.scalars, two.scalars));
}

class CudaUsgmStep : public GpuTest {};

// What the two sum in another order: rounded alike, not the same bits.
TEST_F(CudaUsgmStep, MakesTheStepsOfTheCpu) {
  UsgmRule decays = kEverything;
  decays.ball = false;
  decays.weight_decay = 0.1;
  for (const UsgmRule& rule : {kEverything, decays}) {
    for (const int64_t size : {1, 31, 1 << 14, 50'000}) {
      const UsgmTensors cpu = all_parts(size, torch::kFloat);
      const UsgmTensors gpu = all_parts(size, torch::kFloat, device_);
      for (const UsgmTensors& tensors : {cpu, gpu}) {
        after(tensors, 5, rule);
        tensors.gradients.add_(tensors.step, 50);
        usgm_look_again(tensors, rule);
      }
      const auto expect_close = [&](const Tensor& ours, const Tensor& expected) {
        EXPECT_TRUE(torch::allclose(ours.cpu(), expected, 1e-4, 1e-5)) << size;
      };
      expect_close(gpu.values, cpu.values);
      expect_close(gpu.step, cpu.step);
      expect_close(gpu.second_moment, cpu.second_moment);
      expect_close(gpu.average, cpu.average);
      expect_close(gpu.scalars, cpu.scalars);
    }
  }
}

TEST_F(CudaUsgmStep, TwoCallsGiveTheSameBits) {
  const UsgmTensors once = all_parts(100'000, torch::kFloat, device_);
  const UsgmTensors twice = all_parts(100'000, torch::kFloat, device_);
  after(once, 5);
  after(twice, 5);
  expect_same_bits({once.values, once.step, once.average, once.scalars},
                   {twice.values, twice.step, twice.average, twice.scalars});
}

// The paper's rule: no metric, no ball, no average.
TEST_F(CudaUsgmStep, TakesUndefinedParts) {
  const auto bare = [](c10::Device device) {
    UsgmTensors t = all_parts(1000, torch::kFloat, device);
    t.second_moment = t.origin = t.average = Tensor();
    return t;
  };
  const UsgmRule plain{.diameter = 2};
  const UsgmTensors cpu = bare(c10::kCPU), gpu = bare(device_);
  after(cpu, 5, plain);
  after(gpu, 5, plain);
  expect_relative({gpu.values, gpu.scalars}, {cpu.values, cpu.scalars}, 1e-4);
}

TEST_F(CudaUsgmStep, NotANumberReachesTheParametersAndNoneAreNoStep) {
  const UsgmTensors t = all_parts(10, torch::kFloat, device_);
  t.gradients.fill_(std::numeric_limits<float>::quiet_NaN());
  usgm_step(t, kEverything);
  EXPECT_FALSE(t.values.isfinite().any().item<bool>());
  const UsgmTensors none = all_parts(0, torch::kFloat, device_);
  usgm_step(none, kEverything);
  usgm_look_again(none, kEverything);
  EXPECT_EQ(read_usgm_scalars(none.scalars).steps, 0);
}

TEST(UsgmStep, LookingAgainRaisesHByTheCurvatureOfTheStep) {
  const UsgmTensors t = all_parts(100, torch::kDouble);
  const UsgmScalars before = after(t, 1);
  const Tensor gradient_before = t.gradients.clone();
  t.gradients.add_(50 * t.step);  // A quadratic with a curvature of 50.
  usgm_look_again(t, kEverything);
  const double beta = 50 * t.step.square().sum().item<double>();
  const double excess = beta - before.h * before.r2 / 2;
  ASSERT_GT(excess, 0);
  EXPECT_NEAR(read_usgm_scalars(t.scalars).h, before.h + excess / (4 + before.r2 / 2), 1e-12);
  t.gradients.copy_(gradient_before);
  const UsgmScalars raised = read_usgm_scalars(t.scalars);
  usgm_look_again(t, kEverything);  // The gradient did not change: nothing to learn.
  EXPECT_EQ(read_usgm_scalars(t.scalars).h, raised.h);
}

TEST(UsgmStep, NotANumberReachesTheParameters) {
  const UsgmTensors t = all_parts(10, torch::kFloat);
  t.gradients.fill_(std::numeric_limits<float>::quiet_NaN());
  usgm_step(t, kEverything);
  EXPECT_FALSE(t.values.isfinite().any().item<bool>());
}

TEST(UsgmStep, NoParametersAreNoStep) {
  const UsgmTensors t = all_parts(0, torch::kFloat);
  usgm_step(t, kEverything);
  usgm_look_again(t, kEverything);
  EXPECT_EQ(read_usgm_scalars(t.scalars).steps, 0);
}

TEST(UsgmStep, RefusesTensorsThatDoNotFit) {
  UsgmTensors t = all_parts(10, torch::kFloat);
  t.step = torch::zeros({9});
  EXPECT_THROW(usgm_step(t, kEverything), Error);
  t = all_parts(10, torch::kFloat);
  t.average = t.average.to(torch::kDouble);
  EXPECT_THROW(usgm_step(t, kEverything), Error);
  t = all_parts(10, torch::kFloat);
  t.gradients = torch::zeros({20}).slice(0, 0, 20, 2);
  EXPECT_THROW(usgm_step(t, kEverything), Error);
}

}  // namespace usgm_step_test
}  // namespace seqsweep
