// What rms_norm_gate.cc asks of rms_norm_gate.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// [T, E], float or bfloat16: the E numbers of a row are contiguous.
struct GateRows {
  void* data = nullptr;
  int64_t stride = 0;
};

struct RmsNormGateParams {
  GateRows y, z, out;
  GateRows d_out, d_y, d_z;  // Of a backward only.
  const float* weight_E = nullptr;
  // Backward only: sums over rows_a_part rows each, R = T / rows_a_part, rounded up.
  float* d_weight_RE = nullptr;
  int64_t rows_a_part = 0;
  int64_t rows = 0;
  int groups = 0, group_width = 0;
  float eps = 0;
  bool gate_first = false;
  bool bf16 = false;  // All GateRows.
};

// Both run on the current stream and return nullptr, or the text of the CUDA error.
struct RmsNormGateCuda {
  const char* (*forward)(const RmsNormGateParams&) = nullptr;
  const char* (*backward)(const RmsNormGateParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern RmsNormGateCuda rms_norm_gate_cuda;

}  // namespace seqsweep
