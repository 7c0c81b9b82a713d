// What quantized_linear.cc asks of quantized_linear.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// Rows [first, first + count) of a weight as floats; see QuantizedWeight.
struct ReadWeightParams {
  const int8_t* int8_codes = nullptr;  // Either this and int8_scales,
  const float* int8_scales = nullptr;
  const uint8_t* nf4_codes = nullptr;  // or these.
  const uint8_t* nf4_scales = nullptr;
  const float* scale_blocks = nullptr;
  const float* scale_map = nullptr;  // What the 256 codes of a scale stand for.
  const float* nf4_numbers = nullptr;
  int64_t last_scale_block = 0;  // Where the mean of the scales lies.
  int64_t inputs = 0, first = 0, count = 0;
  float* out_CI = nullptr;
};

// Runs on the current stream and returns nullptr, or the text of the CUDA error.
struct QuantizedLinearCuda {
  const char* (*read_rows)(const ReadWeightParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern QuantizedLinearCuda quantized_linear_cuda;

}  // namespace seqsweep
