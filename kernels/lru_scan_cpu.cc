// One unit is up to 64 channels of one sequence, a row of them after the other: the row before is
// still in the cache. Backward, with g the gradient of a state and * the conjugate:
//   g_t = dh_t + lambda* g_{t+1},  dx_t = g_t,  dlambda = sum of h_{t-1}* g_t.
#include "kernels/lru_scan_cpu.h"

#include <torch/types.h>

#include <algorithm>
#include <vector>

#include "kernels/packed_rows.h"

namespace seqsweep {

namespace {

constexpr int64_t kLruGroup = 64;  // Channels.
constexpr int64_t kLruTokenCost = 4 * kLruGroup;

// The channels of a unit within rows of 2 E numbers, and how many rows there are.
template <typename T>
struct LruRows {
  T* data;
  int64_t channels;  // E
  T* real(int64_t row, int64_t channel) const { return data + row * 2 * channels + channel; }
  T* imaginary(int64_t row, int64_t channel) const { return real(row, channel) + channels; }
};

template <typename T>
LruRows<T> lru_rows(const at::Tensor& rows_RE2) {
  return {rows_RE2.defined() ? rows_RE2.data_ptr<T>() : nullptr,
          rows_RE2.defined() ? rows_RE2.size(1) / 2 : 0};
}

// to = factor from + added, where factor is (a, b), or (a, -b) with sign = -1.
template <typename T>
struct ComplexStep {
  const T *a, *b;
  T sign;
  void operator()(const T* from_r, const T* from_i, const T* added_r, const T* added_i, T* to_r,
                  T* to_i, int64_t width) const {
#pragma omp simd
    for (int64_t e = 0; e < width; ++e) {
      const T b_e = sign * b[e];
      const T real = a[e] * from_r[e] - b_e * from_i[e] + added_r[e];
      const T imaginary = a[e] * from_i[e] + b_e * from_r[e] + added_i[e];
      to_r[e] = real;
      to_i[e] = imaginary;
    }
  }
};

template <typename T>
void lru_forward(const LruScanInputs& inputs, LruRows<T> h, LruRows<T> state) {
  const LruRows<T> x = lru_rows<T>(inputs.x_TE2);
  const LruRows<T> lambda{inputs.lambda_2E.data_ptr<T>(), x.channels};  // One row.
  const int64_t channels = x.channels, groups = (channels + kLruGroup - 1) / kLruGroup;
  const WorkParts parts(inputs.offsets_S1, groups, kLruTokenCost);
  parts.run([&](int64_t, const Unit* first, const Unit* last) {
    std::vector<T> own(2 * kLruGroup);
    for (const Unit* unit = first; unit != last; ++unit) {
      const int64_t channel = unit->group * kLruGroup;
      const int64_t width = std::min(kLruGroup, channels - channel);
      const ComplexStep<T> step{lambda.real(0, channel), lambda.imaginary(0, channel), 1};
      std::fill(own.begin(), own.end(), T(0));
      T *before_r = own.data(), *before_i = own.data() + kLruGroup;
      if (state.data != nullptr) {
        before_r = state.real(unit->sequence, channel);
        before_i = state.imaginary(unit->sequence, channel);
      }
      T *const end_r = before_r, *const end_i = before_i;
      for (int64_t t = unit->begin; t < unit->begin + unit->length; ++t) {
        T* to_r = h.data != nullptr ? h.real(t, channel) : end_r;
        T* to_i = h.data != nullptr ? h.imaginary(t, channel) : end_i;
        step(before_r, before_i, x.real(t, channel), x.imaginary(t, channel), to_r, to_i, width);
        before_r = to_r;
        before_i = to_i;
      }
      if (before_r == end_r) continue;
      std::copy_n(before_r, width, end_r);
      std::copy_n(before_i, width, end_i);
    }
  });
}

template <typename T>
void add_products(const T* h_r, const T* h_i, const T* g_r, const T* g_i, T* sum_r, T* sum_i,
                  int64_t width) {
#pragma omp simd
  for (int64_t e = 0; e < width; ++e) {
    sum_r[e] += h_r[e] * g_r[e] + h_i[e] * g_i[e];
    sum_i[e] += h_r[e] * g_i[e] - h_i[e] * g_r[e];
  }
}

template <typename T>
void lru_backward(const LruScanInputs& inputs, LruRows<T> h, LruRows<T> d_h, LruRows<T> d_x,
                  T* d_lambda) {
  const LruRows<T> lambda{inputs.lambda_2E.data_ptr<T>(), h.channels};
  const int64_t channels = h.channels, groups = (channels + kLruGroup - 1) / kLruGroup;
  const WorkParts parts(inputs.offsets_S1, groups, 2 * kLruTokenCost);
  std::vector<std::vector<T>> sums(parts.count(), std::vector<T>(2 * channels));
  parts.run([&](int64_t part, const Unit* first, const Unit* last) {
    const std::vector<T> zeros(kLruGroup);
    for (const Unit* unit = first; unit != last; ++unit) {
      const int64_t channel = unit->group * kLruGroup;
      const int64_t width = std::min(kLruGroup, channels - channel);
      const ComplexStep<T> step{lambda.real(0, channel), lambda.imaginary(0, channel), -1};
      const T *next_r = zeros.data(), *next_i = zeros.data();
      T* sum = sums[part].data() + channel;
      for (int64_t t = unit->begin + unit->length - 1; t >= unit->begin; --t) {
        T *g_r = d_x.real(t, channel), *g_i = d_x.imaginary(t, channel);
        step(next_r, next_i, d_h.real(t, channel), d_h.imaginary(t, channel), g_r, g_i, width);
        if (t > unit->begin) {
          add_products(h.real(t - 1, channel), h.imaginary(t - 1, channel), g_r, g_i, sum,
                       sum + channels, width);
        }
        next_r = g_r;
        next_i = g_i;
      }
    }
  });
  for (const std::vector<T>& sum : sums) {
    for (int64_t i = 0; i < 2 * channels; ++i) d_lambda[i] += sum[i];
  }
}

}  // namespace

void lru_scan_forward_cpu(const LruScanInputs& inputs, const at::Tensor& h_TE2,
                          const at::Tensor& state_SE2) {
  AT_DISPATCH_FLOATING_TYPES(inputs.x_TE2.scalar_type(), "lru_scan", [&] {
    lru_forward<scalar_t>(inputs, lru_rows<scalar_t>(h_TE2), lru_rows<scalar_t>(state_SE2));
  });
}

LruScanGradients lru_scan_backward_cpu(const LruScanInputs& inputs, const at::Tensor& h_TE2,
                                       const at::Tensor& d_h_TE2) {
  LruScanGradients d{at::empty_like(h_TE2), at::zeros_like(inputs.lambda_2E)};
  AT_DISPATCH_FLOATING_TYPES(h_TE2.scalar_type(), "lru_scan", [&] {
    lru_backward<scalar_t>(inputs, lru_rows<scalar_t>(h_TE2), lru_rows<scalar_t>(d_h_TE2),
                           lru_rows<scalar_t>(d.x), d.lambda.data_ptr<scalar_t>());
  });
  return d;
}

}  // namespace seqsweep
