#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "kernels/cuda_graph.h"
#include "kernels/cuda_launch.h"

namespace seqsweep {

namespace {

class RecordedGraph : public CudaGraph {
 public:
  explicit RecordedGraph(const std::function<void()>& work) {
    c10::cuda::getCurrentCUDAStream().synchronize();
    const c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool();
    const c10::cuda::CUDAStreamGuard on(stream);
    work();  // What libraries allocate or choose at their first use is not to be recorded.
    stream.synchronize();
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      end_quietly();
      throw;
    }
    graph_.capture_end();
  }

  void replay() override { graph_.replay(); }

 private:
  void end_quietly() {
    try {
      graph_.capture_end();
    } catch (const std::exception&) {  // The work's own error says more.
    }
  }

  at::cuda::CUDAGraph graph_;
};

std::unique_ptr<CudaGraph> record(const std::function<void()>& work) {
  return std::make_unique<RecordedGraph>(work);
}

const char* copy(void* to, const void* from, size_t bytes) {
  return text_of(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, cuda_stream()));
}

const char* wait() {
  return text_of(cudaStreamSynchronize(cuda_stream()));
}

// Loading the plug-in fills the slots.
const int kFilled = (cuda_graphs = {record, copy, wait}, 0);

}  // namespace

}  // namespace seqsweep
