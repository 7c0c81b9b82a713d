// What continued_attention.cc asks of continued_attention.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

constexpr int kContinuedHeadWidthMax = 256;

// All contiguous, as in ContinuedAttentionInputs; `room` is L.
struct ContinuedAttentionParams {
  const float* q_RHP = nullptr;
  const float *prompt_k_TGP = nullptr, *prompt_v_TGP = nullptr;
  const int32_t* offsets_S1 = nullptr;
  const int64_t* prompt_R = nullptr;
  const float *written_k_RLGP = nullptr, *written_v_RLGP = nullptr;
  float* out_RHP = nullptr;
  int64_t rows = 0, room = 0, written = 0;
  int heads = 0, groups = 0, width = 0;
  float scale = 0;
};

// Runs on the current stream and returns nullptr, or the text of the CUDA error.
struct ContinuedAttentionCuda {
  const char* (*forward)(const ContinuedAttentionParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern ContinuedAttentionCuda continued_attention_cuda;

}  // namespace seqsweep
