// What continued_attention.cc asks of continued_attention.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

namespace seqsweep {

constexpr int kContinuedHeadWidthMax = 256;
constexpr int kContinuedTokens = 64;  // About what a block takes at once: of tokens, of queries.

// How the work is cut. Several blocks share the tokens of a prompt or of a row; what they find is
// added up by a second kernel, part by part.
struct ContinuedParts {
  int queries = 0;  // Of a block: 8, 32 or 64; a query is a head of a row.
  int rows = 0;     // Neighbours that a block takes, in the hope that they continue one prompt.
  int prompt = 0, written = 0;  // Parts of each prompt's tokens, of each row's written tokens.
};

// All contiguous, as in ContinuedAttentionInputs; `room` is L, N the sum of both parts.
struct ContinuedAttentionParams {
  const float* q_RHP = nullptr;
  const float *prompt_k_TGP = nullptr, *prompt_v_TGP = nullptr;
  const int32_t* offsets_S1 = nullptr;
  const int64_t* prompt_R = nullptr;
  const float *written_k_RLGP = nullptr, *written_v_RLGP = nullptr;
  float* out_RHP = nullptr;
  float* sums_NRHP = nullptr;  // Room for weighted sums of values,
  float* seen_NRH2 = nullptr;  // and for the largest score and the sum of weights of each.
  int64_t rows = 0, room = 0, written = 0;
  int heads = 0, groups = 0, width = 0;
  float scale = 0;
  ContinuedParts parts;
};

// Runs on the current stream and returns nullptr, or the text of the CUDA error.
struct ContinuedAttentionCuda {
  const char* (*forward)(const ContinuedAttentionParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern ContinuedAttentionCuda continued_attention_cuda;

}  // namespace seqsweep
