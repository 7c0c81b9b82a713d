// The CPU kernels behind ssd_pass.h, on checked tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/ssd_pass.h"

namespace seqsweep {

// Tokens of a chunk at most; a sequence is cut into chunks of even length. Longer chunks make the
// matrix products larger, shorter ones the part of the work that is quadratic in the chunk smaller.
constexpr int64_t kSsdChunk = 64;

// `state_SHPN`: undefined (zeros, not returned), or contiguous, in and out, of a single direction.
at::Tensor ssd_forward_cpu(const SsdPass& pass, const at::Tensor& state_SHPN,
                           int64_t chunk = kSsdChunk);
SsdGradients ssd_backward_cpu(const SsdPass& pass, const at::Tensor& d_y_THP,
                              int64_t chunk = kSsdChunk);

}  // namespace seqsweep
