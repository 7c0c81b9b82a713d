#include "kernels/cuda_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "tests/support/on_gpu.h"

namespace seqsweep {
namespace cuda_graph_test {

using torch::Tensor;

class CudaGraphsOnGpu : public OnlyGpuTest {};

Tensor pinned(int64_t numbers) {
  return torch::zeros({numbers}, torch::TensorOptions(torch::kFloat).pinned_memory(true));
}

void copy_memory(const Tensor& to, const Tensor& from) {
  ASSERT_EQ(cuda_graphs.copy(to.data_ptr(), from.data_ptr(), from.nbytes()), nullptr);
}

TEST(CudaGraphs, AreThereOnlyWithThePlugIn) {
  if (!gpu_search().skip.empty()) {
    EXPECT_EQ(cuda_graphs.record, nullptr);
    EXPECT_EQ(cuda_graphs.copy, nullptr);
    EXPECT_EQ(cuda_graphs.wait, nullptr);
  } else {
    EXPECT_NE(cuda_graphs.record, nullptr);
  }
}

TEST_F(CudaGraphsOnGpu, ReplayReadsWhatTheMemoryHoldsNow) {
  const Tensor in = pinned(4), out = pinned(4);
  const Tensor there = torch::empty({4}, device_);
  const auto graph = cuda_graphs.record([&] {
    copy_memory(there, in);
    copy_memory(out, there * 2 + 1);  // What is made on the way belongs to the graph.
  });
  for (const float x : {3.0F, -5.0F}) {
    in.fill_(x);
    graph->replay();
    ASSERT_EQ(cuda_graphs.wait(), nullptr);
    EXPECT_TRUE(torch::equal(out, torch::full({4}, 2 * x + 1)));
  }
}

TEST_F(CudaGraphsOnGpu, AnErrorInTheWorkIsThatErrorAndTheGpuGoesOn) {
  int calls = 0;
  try {
    cuda_graphs.record([&] {
      torch::zeros({8}, device_).add_(1);
      if (++calls == 2) throw_run("not like this");
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("not like this"));
  }
  EXPECT_EQ(torch::ones({8}, device_).sum().item<float>(), 8);
  const Tensor out = pinned(1);
  const auto graph = cuda_graphs.record([&] { copy_memory(out, torch::ones({1}, device_)); });
  graph->replay();
  ASSERT_EQ(cuda_graphs.wait(), nullptr);
  EXPECT_EQ(out.item<float>(), 1);
}

}  // namespace cuda_graph_test
}  // namespace seqsweep
