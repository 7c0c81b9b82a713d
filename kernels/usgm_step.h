// One step of the Universal Stochastic Gradient Method (paper, Algorithm 1; Rodomanov et al. 2024)
// in two passes over the parameters: the products that decide its length, then the update, which
// needs H_k and so all of the products. Legend: P parameters, all in one tensor.
//   beta = <g_k - g_{k-1}, x_k - x_{k-1}>
//   H_k = H_{k-1} + [beta - H_{k-1} r^2 / 2]_+ / (D^2 + r^2 / 2)
//   x_{k+1} = x_k - B^-1 g_k / H_k
// with r = |x_k - x_{k-1}| in the metric B = diag(sqrt(v) + eps), scaled to a mean of one, v being
// the decayed mean of squared gradients; without v, B is the identity. The length of a step is
// bounded and its end projected as UsgmRule says.
#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/usgm_rule.h"

namespace seqsweep {

// [P], one dtype (float32; on the CPU float64 too) and device. Undefined: the step has no such
// part.
struct UsgmTensors {
  at::Tensor values, gradients;  // x_k and g_k
  at::Tensor step;               // x_k - x_{k-1}; becomes x_{k+1} - x_k.
  at::Tensor second_moment;      // v
  at::Tensor origin;             // x_0, of the ball or the growing D
  at::Tensor average;            // of x_1 .. x_k
  at::Tensor scalars;            // [kUsgmScalars], float64: a UsgmScalars.
};

// H_0 = 1 / lr.
at::Tensor new_usgm_scalars(double lr, const UsgmRule& rule, c10::Device device);
UsgmScalars read_usgm_scalars(const at::Tensor& scalars);  // Waits for the device.

// Updates all but gradients and origin. The same bits on every call, whatever the number of
// threads; the host does not wait. Throws Error (Fault::Run) on tensors that do not fit.
void usgm_step(const UsgmTensors& tensors, const UsgmRule& rule);

// Raises H by the change of the gradient over the step just made, `gradients` being that of the
// same examples at the new parameters.
void usgm_look_again(const UsgmTensors& tensors, const UsgmRule& rule);

}  // namespace seqsweep
