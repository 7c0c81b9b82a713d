// What conv1d_silu.cc asks of conv1d_silu.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// Up to this width a thread keeps its window in registers; wider ones go the slower way.
constexpr int kConvNarrow = 8, kConvTokensWhereWide = 16;

// x, y, the tail and their gradients are float or bfloat16.
struct Conv1dSiluParams {
  const void* x_TC = nullptr;
  int64_t x_stride = 0;  // Between rows.
  const float *weight_CK = nullptr, *bias_C = nullptr;
  const int32_t* offsets = nullptr;  // [S+1], on the device.
  int64_t tokens = 0, sequences = 0;
  int channels = 0, width = 0, before = 0;
  int tokens_a_block = 0;  // kConvTokensWhereWide where wide.
  bool bf16 = false;
  void* tail_SKC = nullptr;  // Null: zeros before each sequence.
  void* y_TC = nullptr;
  // Of a backward only: P = ceil(T / tokens_a_block).
  const void* d_y_TC = nullptr;
  int64_t d_y_stride = 0;
  void* d_x_TC = nullptr;
  float* d_sum_TC = nullptr;  // Where wide: room for the gradients before SiLU.
  float* d_parts = nullptr;   // Of each block the gradients of the weight, [C, K], and the bias.
};

// Both run on the current stream and return nullptr, or the text of the CUDA error.
struct Conv1dSiluCuda {
  const char* (*forward)(const Conv1dSiluParams&) = nullptr;
  const char* (*backward)(const Conv1dSiluParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern Conv1dSiluCuda conv1d_silu_cuda;

}  // namespace seqsweep
