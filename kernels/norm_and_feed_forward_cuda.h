// What norm_and_feed_forward.cc asks of norm_and_feed_forward.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// All contiguous, on the GPU; the names are those of norm_and_feed_forward.h.
struct NormAndFeedForwardParams {
  const float *x_RD = nullptr, *added_RD = nullptr;  // added: or nullptr.
  const float *first_norm_weight = nullptr, *first_norm_bias = nullptr;
  const float *up_weight = nullptr, *up_bias = nullptr;
  const float *down_weight = nullptr, *down_bias = nullptr;
  const float *second_norm_weight = nullptr, *second_norm_bias = nullptr;
  float* out_RD = nullptr;
  int64_t rows = 0;
  int width = 0, inner = 0;
  float eps = 0;
};

// Runs on the current stream and returns nullptr, or the text of the CUDA error.
struct NormAndFeedForwardCuda {
  const char* (*forward)(const NormAndFeedForwardParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern NormAndFeedForwardCuda norm_and_feed_forward_cuda;

}  // namespace seqsweep
