// What usgm_step.cc asks of usgm_step.cu, without torch or CUDA headers.
#pragma once

#include "kernels/usgm_rule.h"

namespace seqsweep {

constexpr int64_t kUsgmPart = 1 << 14;  // Parameters whose products are summed as one part.

// [P]; nullptr: the step has no such part.
struct UsgmParams {
  float* values = nullptr;
  const float* gradients = nullptr;
  float* step = nullptr;
  float* second_moment = nullptr;
  const float* origin = nullptr;
  float* average = nullptr;
  UsgmScalars* scalars = nullptr;
  double* parts = nullptr;  // Room for kUsgmSums numbers of each part.
  int64_t size = 0;         // P
  UsgmRule rule;
};

// They run on the current stream and return nullptr, or the text of the CUDA error.
struct UsgmCuda {
  const char* (*step)(const UsgmParams&) = nullptr;
  const char* (*look_again)(const UsgmParams&) = nullptr;
};

// Filled in by the CUDA plug-in when it is loaded (kernels/cuda_plugin.h).
extern UsgmCuda usgm_cuda;

}  // namespace seqsweep
