// CUDA graphs: dozens of launches as one, where the same work is done again and again on the same
// memory. Needs the CUDA plug-in (kernels/cuda_plugin.h).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace seqsweep {

class CudaGraph {
 public:
  virtual ~CudaGraph() = default;
  // Does the recorded work on the current stream, with what its memory holds now.
  virtual void replay() = 0;
};

struct CudaGraphs {
  // Runs `work` once and then records it. It must do the same each time and may neither wait for
  // the GPU nor copy from host memory that is not pinned; what it allocates belongs to the graph.
  std::unique_ptr<CudaGraph> (*record)(const std::function<void()>& work) = nullptr;
  // Between pinned host memory and the GPU, on the current stream; does not wait.
  const char* (*copy)(void* to, const void* from, size_t bytes) = nullptr;
  // Until all work of the current stream is done.
  const char* (*wait)() = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded. copy and wait return nullptr, or the text of the
// CUDA error.
extern CudaGraphs cuda_graphs;

}  // namespace seqsweep
