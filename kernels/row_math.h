// Passes over one row of numbers, written so that the compiler vectorises them. The sums are
// ordered by the vector width: the same bits on every call.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace seqsweep {

// e^x to about 1e-7 relative: x = n ln 2 + r, e^r by its series to r^7 (|r| <= 0.35). Below -87 it
// stays at e^-87, above 88 at e^88; NaN stays NaN.
inline float exp_of(float x) {
  x = std::min(std::max(x, -87.0F), 88.0F);
  const float n = std::nearbyint(x * 1.44269504F);
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float series = 1.0F / 5040;
  series = series * r + 1.0F / 720;
  series = series * r + 1.0F / 120;
  series = series * r + 1.0F / 24;
  series = series * r + 1.0F / 6;
  series = series * r + 0.5F;
  series = series * r + 1.0F;
  series = series * r + 1.0F;
  return series * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}
inline double exp_of(double x) {
  return std::exp(x);
}

template <typename T>
T row_max(const T* x, int64_t n) {
  T best = x[0];
#pragma omp simd reduction(max : best)
  for (int64_t i = 1; i < n; ++i) best = std::max(best, x[i]);
  return best;
}

// x <- e^(scale x - shift); returns the sum.
template <typename T>
T row_exp_sum(T* x, int64_t n, T scale, T shift) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    x[i] = exp_of(scale * x[i] - shift);
    sum += x[i];
  }
  return sum;
}

template <typename T>
T row_dot(const T* x, const T* y, int64_t n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

}  // namespace seqsweep
