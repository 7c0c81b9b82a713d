// What seeded_dropout.cc asks of seeded_dropout.cu, without torch or CUDA headers.
#pragma once

#include <cstdint>

#include "kernels/counter_random.h"

namespace seqsweep {

// Elements that share a key.
constexpr int64_t kDropoutBlock = 1 << 14;

struct SeededDropoutParams {
  const void* from = nullptr;  // Float or bfloat16.
  void* to = nullptr;
  bool bf16 = false;
  int64_t size = 0;
  DropoutRule rule = DropoutRule(0);
  RandomKey key;
};

// Runs on the current stream and returns nullptr, or the text of the CUDA error.
struct SeededDropoutCuda {
  const char* (*scale_kept)(const SeededDropoutParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern SeededDropoutCuda seeded_dropout_cuda;

}  // namespace seqsweep
