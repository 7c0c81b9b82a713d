// What blockwise_adamw.cc asks of blockwise_adamw.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// The rule with its constants of this step worked out, as numbers of the update.
struct BlockwiseAdamWParams {
  float* values = nullptr;
  const float* gradients = nullptr;
  uint8_t *mean_codes = nullptr, *square_codes = nullptr;
  float *mean_scales = nullptr, *square_scales = nullptr;
  const float *mean_codebook = nullptr, *square_codebook = nullptr;  // [256]
  int64_t size = 0;                                                  // P
  float beta1 = 0, beta2 = 0, eps = 0;
  float shrink = 1;      // Of the values, by weight decay.
  float length = 0;      // lr / (1 - beta1^step)
  float correction = 1;  // 1 / sqrt(1 - beta2^step)
};

// Runs on the current stream and returns nullptr, or the text of the CUDA error.
struct BlockwiseAdamWCuda {
  const char* (*step)(const BlockwiseAdamWParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern BlockwiseAdamWCuda blockwise_adamw_cuda;

}  // namespace seqsweep
