// Tests that compare the GPU with the CPU. They skip where no GPU can be used. SEQSWEEP_TEST_DEVICE
// names another device: with "cpu" most run anywhere and show that they ask nothing wrong; with
// "emulated" the CPU plays the GPU and its kernels (tests/support/emulated_cuda).
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "kernels/cuda_plugin.h"
#include "tests/support/packed.h"

namespace seqsweep {

// Empty: a GPU.
inline std::string test_device() {
  const char* chosen = std::getenv("SEQSWEEP_TEST_DEVICE");
  return chosen != nullptr ? chosen : "";
}
inline bool gpu_is_emulated() {
  return test_device() == "emulated";
}

// Why a GPU cannot be used; both empty: it can, and the kernels are loaded.
struct GpuSearch {
  std::string skip;     // There is none.
  std::string failure;  // There is one.
};

inline GpuSearch look_for_gpu() {
  namespace fs = std::filesystem;
  if (gpu_is_emulated()) {
    const void* plugin = dlopen(SEQSWEEP_BIN_DIR "/emulated_cuda.so", RTLD_NOW | RTLD_GLOBAL);
    return {"", plugin != nullptr ? "" : dlerror()};
  }
  if (!fs::exists("/dev/nvidiactl") && !fs::exists("/dev/nvidia0")) return {"needs a GPU", ""};
  if (!fs::exists(SEQSWEEP_BIN_DIR "/seqsweep_cuda.so")) return {"needs a build with CUDA", ""};
  try {
    load_cuda_plugin();
    return {"", torch::cuda::is_available() ? "" : "torch sees no GPU"};
  } catch (const std::exception& error) {
    return {"", error.what()};
  }
}

inline const GpuSearch& gpu_search() {
  static const GpuSearch found = look_for_gpu();
  return found;
}

// Torch asks once in a process whether there is CUDA, at the first seed or backward of any test.
class GpuEnvironment : public testing::Environment {
 public:
  void SetUp() override { gpu_search(); }
};
inline testing::Environment* const kGpuEnvironment =
    testing::AddGlobalTestEnvironment(new GpuEnvironment);

// |ours - expected| / |expected| of each pair. Where all expected numbers are tiny, sums that
// cancel, they count as 0.01.
inline void expect_relative(const Tensors& ours, const Tensors& expected, double tolerance) {
  ASSERT_EQ(ours.size(), expected.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_TRUE(ours[i].defined()) << "result " << i;
    ASSERT_EQ(ours[i].sizes(), expected[i].sizes()) << "result " << i;
    const torch::Tensor plain = expected[i].cpu().to(torch::kDouble);
    const torch::Tensor difference = ours[i].cpu().to(torch::kDouble) - plain;
    const double least = 0.01 * std::sqrt(static_cast<double>(plain.numel()));
    const double size = std::max(plain.norm().item<double>(), least);
    const double error = plain.numel() == 0 ? 0 : difference.norm().item<double>() / size;
    EXPECT_LE(error, tolerance) << "result " << i << " of " << ours.size();
  }
}

// The same tensors of tokens as slices of the rows of one tensor: no number moves, but strides do.
inline Tensors as_slices(const Tensors& of_tokens) {
  Tensors flat;
  std::vector<int64_t> widths;
  for (const torch::Tensor& tensor : of_tokens) {
    flat.push_back(tensor.flatten(1));
    widths.push_back(flat.back().size(1));
  }
  Tensors slices = torch::cat(flat, 1).split_with_sizes(widths, 1);
  for (size_t i = 0; i < slices.size(); ++i) slices[i] = slices[i].view(of_tokens[i].sizes());
  return slices;
}

class GpuTest : public testing::Test {
 protected:
  using Function = std::function<torch::Tensor(const Tensors&)>;

  void SetUp() override {
    if (!test_device().empty() && !gpu_is_emulated()) {
      device_ = c10::Device(test_device());
      return;
    }
    if (!gpu_search().skip.empty()) GTEST_SKIP() << gpu_search().skip;
    ASSERT_EQ(gpu_search().failure, "");
  }
  // A fault of a kernel shows in the test that launched it.
  void TearDown() override {
    if (!device_.is_cuda() || gpu_is_emulated() || IsSkipped()) return;
    torch::cuda::synchronize(device_.index());
  }

  Tensors on_gpu(const Tensors& tensors) const {
    Tensors there;
    for (const torch::Tensor& tensor : tensors) there.push_back(tensor.to(device_));
    return there;
  }

  // The value and the gradients of all inputs (float, on the CPU) are those of `reference` in
  // float64 on the CPU; two calls give the same bits.
  void expect_like(const Function& reference, const Function& op, const Tensors& inputs,
                   double tolerance) const {
    const Tensors there = on_gpu(inputs);
    const Tensors ours = with_gradients(op, there);
    expect_relative(ours, with_gradients(reference, to(inputs, torch::kDouble)), tolerance);
    expect_same_bits(with_gradients(op, there), ours);
  }

  c10::Device device_{c10::kCUDA, 0};
};

// For what the CPU cannot stand in for.
class OnlyGpuTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (!device_.is_cuda()) GTEST_SKIP() << "needs a GPU";
  }
};

}  // namespace seqsweep
