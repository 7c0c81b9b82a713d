// What quantized_linear.cc asks of quantized_linear.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

constexpr int kWeightsAtOnce = 8;  // That a thread reads.

// A weight of Int8 or Nf4, see QuantizedWeight, and what is to be done with it.
struct ReadWeightParams {
  const int8_t* int8_codes = nullptr;  // Either this and int8_scales,
  const float* int8_scales = nullptr;
  const uint8_t* nf4_codes = nullptr;  // or these.
  const uint8_t* nf4_scales = nullptr;
  const float* scale_blocks = nullptr;
  float scale_map[256] = {};  // What the codes of a scale stand for.
  float nf4_numbers[16] = {};
  int64_t last_scale_block = 0;  // Where the mean of the scales lies.
  int64_t inputs = 0, outputs = 0;

  float* out_OI = nullptr;      // read: one of the two.
  void* bf16_out_OI = nullptr;  // Of bfloat16.
  const float* x_RI = nullptr;  // multiply_few: these.
  int64_t rows = 0;
  float* y_RO = nullptr;
};

// Both run on the current stream and return nullptr, or the text of the CUDA error.
struct QuantizedLinearCuda {
  const char* (*read)(const ReadWeightParams&) = nullptr;
  // x W^T in float, for few rows; inputs must be a multiple of kWeightsAtOnce.
  const char* (*multiply_few)(const ReadWeightParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern QuantizedLinearCuda quantized_linear_cuda;

}  // namespace seqsweep
