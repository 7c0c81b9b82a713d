// What lru_scan.cc asks of lru_scan.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// Rows are [2 E] as in lru_scan.h, contiguous; those of tokens are float or bfloat16.
struct LruScanParams {
  const void* x_TE2 = nullptr;
  const float* lambda_2E = nullptr;
  const int32_t* offsets = nullptr;  // [S+1], on the device.
  int64_t sequences = 0;
  int channels = 0;
  bool bf16 = false;
  void* h_TE2 = nullptr;       // Null in a forward of the last states only.
  float* state_SE2 = nullptr;  // Null: sequences start from zeros and their ends are not kept.
  // Of a backward only.
  const void* d_h_TE2 = nullptr;
  void* d_x_TE2 = nullptr;
  float* d_lambda_S2E = nullptr;
};

// Both run on the current stream and return nullptr, or the text of the CUDA error.
struct LruScanCuda {
  const char* (*forward)(const LruScanParams&) = nullptr;
  const char* (*backward)(const LruScanParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern LruScanCuda lru_scan_cuda;

}  // namespace seqsweep
