// What ssd_pass.cc asks of ssd.cu, without torch or CUDA headers: one direction of a pass.
#pragma once

#include <cstdint>

namespace seqsweep {

// [T, H] or [T, H, W], float or bfloat16: what belongs to a token and a head is contiguous.
struct SsdRows {
  void* data = nullptr;
  int64_t token_stride = 0, head_stride = 0;
};

constexpr int kSsdCudaChunk = 32;  // Tokens; a warp.

struct SsdCudaParams {
  SsdRows x, dt, B, C;
  SsdRows y;  // Forward only: what a direction gives is added.
  const float *A = nullptr, *dt_bias = nullptr;
  const int32_t* offsets = nullptr;  // [S+1], on the device.
  int64_t tokens = 0, sequences = 0;
  int heads = 0, groups = 0, width = 0, state = 0;
  int step = 1, delay = 0;       // As in SsdDirection.
  bool bf16 = false;             // All SsdRows.
  float* states_SHPN = nullptr;  // Forward only: in and out, or nullptr.
  // Backward only. d_x is added to; d_dt is written where tokens are walked; d_B and d_C too, a
  // part for each head; d_A in the slots of chunks [slots, H].
  SsdRows d_y, d_x, d_dt;
  float *d_A = nullptr, *d_B_HTN = nullptr, *d_C_HTN = nullptr;
  // Room for [slots, H, P, N]: the states at the starts of the chunks and, backward only, their
  // gradients at the ends; and for [slots, H]: the decays over the chunks. The slots of sequence s
  // begin at offsets[s] / chunk + s.
  float *starts = nullptr, *d_ends = nullptr, *decays = nullptr;
  int64_t slots() const { return tokens / kSsdCudaChunk + sequences; }
};

// Both run on the current stream and return nullptr, or the text of the CUDA error.
struct SsdCuda {
  const char* (*forward)(const SsdCudaParams&) = nullptr;
  const char* (*backward)(const SsdCudaParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern SsdCuda ssd_cuda;

}  // namespace seqsweep
