#include "kernels/cuda_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "kernels/packed_attention_cuda.h"

namespace seqsweep {
namespace cuda_plugin_test {

TEST(CudaPlugin, WithoutItTheErrorSaysWhatToDo) {
  if (std::filesystem::exists(SEQSWEEP_BIN_DIR "/seqsweep_cuda.so")) {
    GTEST_SKIP() << "this build has the plug-in";
  }
  try {
    load_cuda_plugin();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_THAT(error.what(), testing::HasSubstr("device: cpu"));
  }
}

TEST(CudaPlugin, AnEmptySlotIsAnErrorAndNotACrash) {
  EXPECT_THROW(launch_cuda("op", PackedAttentionCuda().forward, PackedAttentionParams()), Error);
}

TEST(CudaPlugin, AKernelsErrorBecomesOurs) {
  const auto fails = +[](const int&) -> const char* { return "out of registers"; };
  try {
    launch_cuda("op", fails, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Run);
    EXPECT_STREQ(error.what(), "op: CUDA: out of registers");
  }
}

}  // namespace cuda_plugin_test
}  // namespace seqsweep
