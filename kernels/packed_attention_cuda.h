// What packed_attention.cc asks of packed_attention.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

// [T, H, P], float or bfloat16: a head's P numbers are contiguous.
struct HeadsView {
  void* data = nullptr;
  int64_t token_stride = 0, head_stride = 0;
};

struct PackedAttentionParams {
  HeadsView q, k, v, out;
  HeadsView d_q, d_k, d_v, d_out;  // Of a backward only.
  float* log_sum_TH = nullptr;
  float* out_dot_TH = nullptr;       // Backward only: room for the dot product of out and d_out.
  const int32_t* offsets = nullptr;  // [S+1], on the device.
  int64_t tokens = 0, sequences = 0, max_length = 0;
  int heads = 0, head_width = 0;
  float scale = 1;  // Of q.k.
  double dropout = 0;
  uint64_t seed = 0;
  bool bf16 = false;  // All HeadsViews.
};

// Both run on the current stream and return nullptr, or the text of the CUDA error.
struct PackedAttentionCuda {
  const char* (*forward)(const PackedAttentionParams&) = nullptr;
  const char* (*backward)(const PackedAttentionParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern PackedAttentionCuda packed_attention_cuda;

}  // namespace seqsweep
