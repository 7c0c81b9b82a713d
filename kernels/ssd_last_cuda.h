// What ssd_last.cc asks of ssd_last.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// [T, H, W] or [T, H]: what belongs to a token and a head is contiguous.
struct SsdLastRows {
  const float* data = nullptr;
  int64_t token_stride = 0, head_stride = 0;
};

struct SsdLastParams {
  SsdLastRows x, dt, B;
  const float *C_SGN = nullptr, *A_H = nullptr, *dt_bias_H = nullptr;
  const int32_t* offsets = nullptr;  // [S+1], on the device.
  int64_t sequences = 0;
  int heads = 0, groups = 0, width = 0, state = 0, unread = 0;
  // Forward only: where C_SGN is nullptr, a sequence has the C of its last token that is read.
  SsdLastRows C;
  bool A_is_log = false;  // Forward only: A_H holds log(-A).
  float* y_SHP = nullptr;
  // Backward only, contiguous. Of tokens that are unread nothing is written.
  const float* d_y_SHP = nullptr;
  float *d_x_THP = nullptr, *d_dt_TH = nullptr, *d_B_TGN = nullptr;
  float *d_A_SH = nullptr, *d_C_SGN = nullptr;
  float* d_read_TH = nullptr;  // Room: the gradient of C . B through each head.
};

// Both run on the current stream and return nullptr, or the text of the CUDA error.
struct SsdLastCuda {
  const char* (*forward)(const SsdLastParams&) = nullptr;
  const char* (*backward)(const SsdLastParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern SsdLastCuda ssd_last_cuda;

}  // namespace seqsweep
