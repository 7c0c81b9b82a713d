#include "worker/device.h"

#include <gtest/gtest.h>

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
}

}  // namespace
}  // namespace seqsweep
