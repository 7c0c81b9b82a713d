// What linear_cross_entropy.cc asks of linear_cross_entropy.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// From the scores of rows, products without a bias, to their losses. Rows lie `pitch` numbers
// apart, a multiple of 4, and begin at multiples of 16 bytes.
struct CrossEntropyRowsParams {
  float* scores_RV = nullptr;
  const float* bias_V = nullptr;  // Or none.
  const int64_t* targets_R = nullptr;
  float* losses_R = nullptr;
  int64_t rows = 0, pitch = 0;
  int items = 0;
  // Null: losses only. Rows lie and begin as those of the scores, of which it may be the memory.
  void* gradients_RV = nullptr;
  bool bf16 = false;  // The gradients; all else is float.
};

// Runs on the current stream and returns nullptr, or the text of the CUDA error.
struct LinearCrossEntropyCuda {
  const char* (*differentiate_rows)(const CrossEntropyRowsParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern LinearCrossEntropyCuda linear_cross_entropy_cuda;

}  // namespace seqsweep
