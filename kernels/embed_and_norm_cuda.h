// What embed_and_norm.cc asks of embed_and_norm.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

struct EmbedAndNormParams {
  const float *table_VD = nullptr, *positions_LD = nullptr;  // positions: or nullptr.
  const int64_t *items_T = nullptr, *positions_T = nullptr;
  const float *weight_D = nullptr, *bias_D = nullptr;
  float* out_TD = nullptr;
  int64_t tokens = 0;
  int width = 0;
  float eps = 0;
};

// Runs on the current stream and returns nullptr, or the text of the CUDA error.
struct EmbedAndNormCuda {
  const char* (*forward)(const EmbedAndNormParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern EmbedAndNormCuda embed_and_norm_cuda;

}  // namespace seqsweep
