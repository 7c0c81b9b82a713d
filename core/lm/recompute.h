// Gradient checkpointing (Chen et al. 2016): what a layer computes on its way is dropped after the
// forward pass and computed again in the backward, so that memory holds one layer's at a time.
#pragma once

#include <torch/types.h>

#include <functional>

namespace seqsweep {

// f(x), with the same gradients of x and of f's parameters, to the bits, as without: draws from
// torch's generators of the CPU and of x's device, as of dropout, are repeated. f may be called
// after this returns, until the backward is through; it must give one tensor and depend on x and on
// parameters alone.
torch::Tensor recomputed(std::function<torch::Tensor(const torch::Tensor&)> f,
                         const torch::Tensor& x);

}  // namespace seqsweep
