// core/comm/cuda/nccl_group.cc, on a machine with a GPU for each of the three ranks.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <filesystem>

#include "core/comm/device_group.h"
#include "core/comm/mpi_world.h"
#include "kernels/cuda_plugin.h"
#include "tests/core/comm/mpi_test_world.h"

namespace seqsweep {
namespace {

bool enough_gpus() {
  if (!std::filesystem::exists("/dev/nvidia0")) return false;
  load_cuda_plugin();
  return torch::cuda::device_count() >= test_world().size();
}

TEST(NcclGroup, SumsAreTheSameBitsOnEveryGpu) {
  const auto host = make_mpi_group(test_world(), {0, 1, 2}, 12);
  if (host->any(!enough_gpus())) GTEST_SKIP() << "needs three GPUs";
  const torch::Device device(torch::kCUDA, static_cast<c10::DeviceIndex>(host->rank()));
  const auto group = make_device_group(*host, device);
  ASSERT_NE(group, nullptr);
  for (const auto type : {torch::kFloat32, torch::kFloat64, torch::kInt32, torch::kInt64}) {
    const auto of_rank = [&](int rank) {
      return torch::arange(100'003, torch::kFloat64).div(3).add(rank).to(type);
    };
    torch::Tensor x = of_rank(group->rank()).to(device);
    const auto sum = group->start_sum(x.narrow(0, 0, 1000));
    group->all_reduce_sum(x.narrow(0, 1000, x.numel() - 1000));
    sum->wait();
    EXPECT_TRUE(torch::allclose(x.cpu(), of_rank(0) + of_rank(1) + of_rank(2), 1e-6));
    torch::Tensor of_first = x.clone();
    group->broadcast(of_first, 0);
    EXPECT_TRUE(torch::equal(x, of_first));
  }
  EXPECT_TRUE(group->any(group->rank() == 1));
  torch::Tensor in_host_memory = torch::ones({3});
  group->all_reduce_sum(in_host_memory);
  EXPECT_EQ(in_host_memory[0].item<float>(), 3);
}

// Its calls, its watching thread and its end, without a peer: where one GPU is all there is.
TEST(NcclGroup, OneRankIsAGroupToo) {
  if (test_world().rank() != 0) return;
  if (!std::filesystem::exists("/dev/nvidia0")) GTEST_SKIP() << "needs a GPU";
  load_cuda_plugin();
  auto* make = reinterpret_cast<MakeNcclGroup*>(dlsym(RTLD_DEFAULT, kMakeNcclGroup));
  if (make == nullptr) GTEST_SKIP() << "this build has no NCCL";
  const auto host = make_local_group();
  const std::unique_ptr<Group> group(make(*host, 0));
  ASSERT_NE(group, nullptr);
  torch::Tensor x = torch::arange(1000, torch::kFloat32).to(torch::Device(torch::kCUDA, 0));
  const torch::Tensor expected = x.cpu();
  const auto sum = group->start_sum(x);
  sum->wait();
  EXPECT_TRUE(torch::equal(x.cpu(), expected));
  EXPECT_TRUE(sum->done());
  group->broadcast(x, 0);
  EXPECT_TRUE(torch::equal(x.cpu(), expected));
  EXPECT_FALSE(group->any(false));
  EXPECT_NO_THROW(group->require_whole());
}

TEST(NcclGroup, RanksThatShareAGpuGoThroughHostMemory) {
  const auto host = make_mpi_group(test_world(), {0, 1, 2}, 13);
  if (host->any(!std::filesystem::exists("/dev/nvidia0"))) GTEST_SKIP() << "needs a GPU";
  load_cuda_plugin();
  const torch::Device device(torch::kCUDA, 0);
  EXPECT_EQ(make_device_group(*host, device), nullptr);
  torch::Tensor x = torch::ones({5}, device);
  host->all_reduce_sum(x);
  EXPECT_EQ(x[4].item<float>(), 3);
}

}  // namespace
}  // namespace seqsweep
