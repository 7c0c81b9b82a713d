// What selective_scan.cc asks of selective_scan.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// [T, columns], float or bfloat16: the numbers of a row lie together.
struct TokenRows {
  void* data = nullptr;
  int64_t stride = 0;
};

constexpr int kScanChunkCuda = 8;        // Tokens between two checkpoints.
constexpr int kScanChannelsABlock = 32;  // Sums over channels come in parts of so many.

struct SelectiveScanParams {
  TokenRows x, dt, B, C, z, y;
  TokenRows ungated;  // Always float.
  const float *A_EN = nullptr, *D_E = nullptr, *dt_bias_E = nullptr;
  const int32_t* offsets = nullptr;  // [S+1], on the device.
  int64_t tokens = 0, sequences = 0;
  int channels = 0, states = 0;
  bool bf16 = false;                 // All TokenRows but `ungated`.
  float* checkpoints_PEN = nullptr;  // Null in a forward that no backward follows.
  float* state_SEN = nullptr;        // Null: sequences start from zeros.
  // Of a backward only. G groups of kScanChannelsABlock channels.
  TokenRows d_y, d_x, d_dt, d_z;
  float *d_B_GTN = nullptr, *d_C_GTN = nullptr;
  float *d_A_SEN = nullptr, *d_D_SE = nullptr, *d_dt_bias_SE = nullptr;
};

// Both run on the current stream and return nullptr, or the text of the CUDA error.
struct SelectiveScanCuda {
  const char* (*forward)(const SelectiveScanParams&) = nullptr;
  const char* (*backward)(const SelectiveScanParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern SelectiveScanCuda selective_scan_cuda;

}  // namespace seqsweep
