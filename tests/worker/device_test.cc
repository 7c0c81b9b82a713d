#include "worker/device.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>

#include "core/base/error.h"

namespace seqsweep {
namespace {

TEST(Device, CpuIsTheCpu) {
  const ChosenDevice chosen = choose_device(DeviceChoice::Cpu);
  EXPECT_TRUE(chosen.device.is_cpu());
  EXPECT_EQ(chosen.text, "cpu");
}

TEST(Device, WithoutAGpuAutoTakesTheCpuAndCudaIsRefused) {
  if (std::filesystem::exists("/dev/nvidia0")) GTEST_SKIP() << "this machine has a GPU";
  EXPECT_EQ(choose_device(DeviceChoice::Auto).text, "cpu");
  try {
    choose_device(DeviceChoice::Cuda);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_NE(std::string(error.what()).find("device: cpu"), std::string::npos) << error.what();
  }
}

TEST(Device, AGpuIsNamed) {
  const ChosenDevice chosen = choose_device(DeviceChoice::Auto);
  if (chosen.device.is_cpu()) GTEST_SKIP() << "no GPU, or built without CUDA";
  EXPECT_EQ(chosen.text.rfind("cuda:", 0), 0U);
  EXPECT_GT(chosen.text.size(), std::string("cuda:0 GPU").size());
  EXPECT_EQ(chosen.gpu.size(), 32U);  // A UUID.
  EXPECT_GT(chosen.gpu_bytes, 1'000'000'000);
}

TEST(DeviceMemory, CountsWhatARunHolds) {
  const ChosenDevice chosen = use_device(DeviceChoice::Auto);
  const DeviceMemory memory(chosen.device);
  const double before = memory.peak_bytes();
  const torch::Tensor held = torch::ones({100, 1000, 1000}, chosen.device);  // 400 MB.
  EXPECT_GT(memory.peak_bytes(), before + 350e6) << held.sum();
}

}  // namespace
}  // namespace seqsweep
