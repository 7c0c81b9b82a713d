// What the launchers in .cu files share. Only for .cu files.
#pragma once

#include <cuda_runtime.h>

namespace seqsweep {

void* current_cuda_stream();  // kernels/cuda/stream.cc

inline cudaStream_t cuda_stream() {
  return static_cast<cudaStream_t>(current_cuda_stream());
}

// What a launcher returns: nullptr, or the text of the error.
inline const char* text_of(cudaError_t error) {
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace seqsweep
