// Activation functions of one number, written so that loops over them vectorise.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/row_math.h"

namespace seqsweep {

// log(1 + u) for u in [0, 1], to about 1e-7 relative: with s = u / (2 + u) <= 1/3 it is
// 2 (s + s^3/3 + s^5/5 + ...), here to s^13.
inline float log1p_of(float u) {
  const float s = u / (2.0F + u), s2 = s * s;
  float series = 1.0F / 13;
  series = series * s2 + 1.0F / 11;
  series = series * s2 + 1.0F / 9;
  series = series * s2 + 1.0F / 7;
  series = series * s2 + 1.0F / 5;
  series = series * s2 + 1.0F / 3;
  series = series * s2 + 1.0F;
  return 2.0F * s * series;
}
inline double log1p_of(double u) {
  return std::log1p(u);
}

// log(1 + e^x).
template <typename T>
T softplus_of(T x) {
  return std::max(x, T(0)) + log1p_of(exp_of(-std::abs(x)));
}

// Also the derivative of softplus.
template <typename T>
T sigmoid_of(T x) {
  return 1 / (1 + exp_of(-x));
}

template <typename T>
T silu_of(T x) {
  return x * sigmoid_of(x);
}

template <typename T>
T silu_derivative_of(T x) {
  const T sigmoid = sigmoid_of(x);
  return sigmoid * (1 + x * (1 - sigmoid));
}

}  // namespace seqsweep
