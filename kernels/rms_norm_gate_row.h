// One row of kernels/rms_norm_gate.h, on numbers.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/rms_norm_gate.h"
#include "kernels/row_math.h"

namespace seqsweep {

// One group of one row. The functions below copy the members they use: as far as the compiler
// knows, a loop's stores might change them, and it would not vectorise the loop.
template <typename T>
struct GateGroup {
  const T *y, *z, *weight;
  int64_t width;
  T eps;
};

// 1 / sqrt(mean(v^2) + eps), v being what is normalised. Fills open with sigmoid(z).
template <GateOrder kOrder, typename T>
T inverse_rms(const GateGroup<T>& group, T* open) {
  const T *y = group.y, *z = group.z;
  const int64_t width = group.width;
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < width; ++i) {
    open[i] = 1 / (1 + exp_of(-z[i]));
    const T v = kOrder == GateOrder::GateFirst ? y[i] * z[i] * open[i] : y[i];
    sum += v * v;
  }
  return 1 / std::sqrt(sum / static_cast<T>(width) + group.eps);
}

// Both orders are the same product once the inverse is known.
template <GateOrder kOrder, typename T>
void norm_and_gate(const GateGroup<T>& group, T* out) {
  const T *y = group.y, *z = group.z, *weight = group.weight;
  const int64_t width = group.width;
  const T inverse = inverse_rms<kOrder>(group, out);
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) out[i] *= y[i] * z[i] * weight[i] * inverse;
}

}  // namespace seqsweep
