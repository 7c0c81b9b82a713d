// How much of each token is left in the last state of its sequence (kernels/ssd_last.h).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/activations.h"
#include "kernels/row_math.h"

namespace seqsweep {

// Of one head of one sequence, a number a token.
template <typename T>
struct SsdLastWeights {
  std::vector<T> dt, later_dt, decay;  // later_dt: the sum of the tokens' dt that come after.

  // raw_dt: before bias and softplus, a token every `stride` numbers.
  void compute(const T* raw_dt, int64_t stride, T bias, T A, int64_t count) {
    for (auto* numbers : {&dt, &later_dt, &decay}) numbers->resize(count);
    T *const step = dt.data(), *const later = later_dt.data(), *const left = decay.data();
    for (int64_t i = 0; i < count; ++i) step[i] = raw_dt[i * stride] + bias;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) step[i] = softplus_of(step[i]);
    T sum = 0;
    for (int64_t i = count - 1; i >= 0; --i) {
      later[i] = sum;
      sum += step[i];
    }
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) left[i] = exp_of(A * later[i]);
  }
};

}  // namespace seqsweep
