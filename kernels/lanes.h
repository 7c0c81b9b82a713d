// AVX2 vectors of float or double, for inner loops that are not left to the compiler.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/small_gemm.h"

namespace seqsweep {

template <typename T>
struct LanesOf;
template <>
struct LanesOf<float> {
  typedef float Type __attribute__((vector_size(kVectorBytes)));
};
template <>
struct LanesOf<double> {
  typedef double Type __attribute__((vector_size(kVectorBytes)));
};
template <typename T>
using Lanes = typename LanesOf<T>::Type;
template <typename T>
constexpr int64_t kLanes = kVectorBytes / sizeof(T);

template <typename T>
inline Lanes<T> load_lanes(const T* from) {
  Lanes<T> lanes;
  std::memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}
template <typename T>
inline void store_lanes(T* to, Lanes<T> lanes) {
  std::memcpy(to, &lanes, sizeof(lanes));
}

// 2^x for x <= 0, to about 1e-7 relative, exactly 1 at 0; below 2^-125 it stays there; NaN stays
// NaN. x = n + r with |r| <= 1/2: adding 1.5 2^23 rounds to n and leaves n in the low bits. 2^r is
// a polynomial, the minimax one among those that are 1 at 0.
inline Lanes<float> exp2_of(Lanes<float> x) {
  typedef int32_t Bits __attribute__((vector_size(kVectorBytes)));
  constexpr float kShift = 12582912.0F;
  const Lanes<float> least = Lanes<float>{} - 125.0F;
  x = least > x ? least : x;
  const Lanes<float> shifted = x + kShift;
  const Lanes<float> r = x - (shifted - kShift);
  Lanes<float> power = r * 0.00132647271F + 0.00967151265F;
  power = power * r + 0.0555073374F;
  power = power * r + 0.240222421F;
  power = power * r + 0.693146978F;
  power = power * r + 1.0F;
  const Bits exponent = reinterpret_cast<Bits>(shifted) << 23;
  return reinterpret_cast<Lanes<float>>(reinterpret_cast<Bits>(power) + exponent);
}
inline Lanes<double> exp2_of(Lanes<double> x) {
  for (int64_t i = 0; i < kLanes<double>; ++i) x[i] = std::exp2(x[i]);
  return x;
}

// Lane i of the result: the sum of the lanes of x[i * stride].
inline Lanes<float> sum_each(const Lanes<float>* x, int64_t stride) {
  const auto neighbours = [](Lanes<float> a, Lanes<float> b) {
    return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14) +
           __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  };
  const auto quarters = [&](const Lanes<float>* four) {
    const Lanes<float> a = neighbours(four[0], four[stride]);
    const Lanes<float> b = neighbours(four[2 * stride], four[3 * stride]);
    return __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13) +
           __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  };
  const Lanes<float> a = quarters(x), b = quarters(x + 4 * stride);
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
         __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
}
inline Lanes<double> sum_each(const Lanes<double>* x, int64_t stride) {
  const auto neighbours = [](Lanes<double> a, Lanes<double> b) {
    return __builtin_shufflevector(a, b, 0, 4, 2, 6) + __builtin_shufflevector(a, b, 1, 5, 3, 7);
  };
  const Lanes<double> a = neighbours(x[0], x[stride]), b = neighbours(x[2 * stride], x[3 * stride]);
  return __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
}

}  // namespace seqsweep
