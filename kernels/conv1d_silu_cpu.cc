// Channels lie along the lanes of vectors; one unit is up to 64 channels of one sequence, whose
// rows stay in the cache while windows pass over them.
#include "kernels/conv1d_silu_cpu.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/activations.h"
#include "kernels/packed_rows.h"

namespace seqsweep {

namespace {

constexpr int64_t kGroup = 64;  // Channels.

template <typename T>
using Row = std::array<T, kGroup>;

template <typename T>
struct ConvNumbers {
  RowsOf<T> x;
  const T* bias;
  int64_t channels, width, before;
  std::vector<T> weight_KC;

  explicit ConvNumbers(const Conv1dSiluInputs& in)
      : x(in.x_TC),
        bias(in.bias_C.data_ptr<T>()),
        channels(in.weight_CK.size(0)),
        width(in.weight_CK.size(1)),
        before(in.before),
        weight_KC(static_cast<size_t>(channels * width)) {
    const T* weight_CK = in.weight_CK.data_ptr<T>();
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t k = 0; k < width; ++k) weight_KC[k * channels + c] = weight_CK[c * width + k];
    }
  }
  int64_t groups() const { return (channels + kGroup - 1) / kGroup; }
};

// The channels of one unit; rows outside of the sequence are null, or lie in the tail before it.
template <typename T>
struct Window {
  const ConvNumbers<T>& in;
  const Unit& unit;
  const T* tail;  // [K-1, C] of this sequence, or null.

  int64_t channel() const { return unit.group * kGroup; }
  int64_t channels() const { return std::min(kGroup, in.channels - channel()); }
  const T* weight(int64_t k) const { return in.weight_KC.data() + k * in.channels + channel(); }

  const T* row(int64_t t) const {
    if (t >= 0) return t < unit.length ? in.x.row(unit.begin + t) + channel() : nullptr;
    return tail != nullptr ? tail + (in.width - 1 + t) * in.channels + channel() : nullptr;
  }

  // bias + sum_k weight_k x_{t + k - before}.
  void sum(int64_t t, T* sums) const {
    const int64_t count = channels();
    std::copy_n(in.bias + channel(), count, sums);
    for (int64_t k = 0; k < in.width; ++k) {
      const T *x = row(t + k - in.before), *w = weight(k);
      if (x == nullptr) continue;
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) sums[c] += w[c] * x[c];
    }
  }
};

// The last K-1 inputs, of which some may still be from before the sequence: read before they are
// overwritten, since rows move towards the front only.
template <typename T>
void move_tail(const Window<T>& window, T* tail) {
  const int64_t kept = window.in.width - 1;
  for (int64_t j = 0; j < kept; ++j) {
    const T* from = window.row(window.unit.length - kept + j);
    std::copy_n(from, window.channels(), tail + j * window.in.channels + window.channel());
  }
}

template <typename T>
void forward(const Conv1dSiluInputs& inputs, const at::Tensor* tail_SKC, const at::Tensor& y_TC) {
  const ConvNumbers<T> in(inputs);
  const RowsOf<T> y_rows(y_TC);
  T* const tails = tail_SKC != nullptr ? tail_SKC->data_ptr<T>() : nullptr;
  const WorkParts parts(inputs.offsets_S1, in.groups(), kGroup * (in.width + 8));
  parts.run([&](int64_t, const Unit* first, const Unit* last) {
    Row<T> sums;
    for (const Unit* unit = first; unit != last; ++unit) {
      T* tail = tails != nullptr ? tails + unit->sequence * (in.width - 1) * in.channels : nullptr;
      const Window<T> window{in, *unit, tail};
      const int64_t count = window.channels();
      for (int64_t t = 0; t < unit->length; ++t) {
        window.sum(t, sums.data());
        T* y = y_rows.row(unit->begin + t) + window.channel();
#pragma omp simd
        for (int64_t c = 0; c < count; ++c) y[c] = silu_of(sums[c]);
      }
      if (tail != nullptr) move_tail(window, tail);
    }
  });
}

// Gradients of weight and bias, summed over the units of one part.
template <typename T>
struct SharedSums {
  std::vector<T> weight_KC, bias_C;
  explicit SharedSums(const ConvNumbers<T>& in)
      : weight_KC(in.weight_KC.size()), bias_C(in.channels) {}
  void add(const SharedSums& other) {
    for (size_t i = 0; i < weight_KC.size(); ++i) weight_KC[i] += other.weight_KC[i];
    for (size_t i = 0; i < bias_C.size(); ++i) bias_C[i] += other.bias_C[i];
  }
};

template <typename T>
class BackwardTask {
 public:
  BackwardTask(const ConvNumbers<T>& in, RowsOf<T> d_y, RowsOf<T> d_x, SharedSums<T>& shared)
      : in_(in), d_y_(d_y), d_x_(d_x), shared_(shared) {}

  void run(const Unit& unit) {
    const Window<T> window{in_, unit, /*tail=*/nullptr};
    d_sums_.resize(std::max<size_t>(d_sums_.size(), unit.length));
    for (int64_t t = 0; t < unit.length; ++t) through_silu(window, t);
    for (int64_t t = 0; t < unit.length; ++t) to_input(window, t);
  }

 private:
  // The gradients of the sums of a token, and what they add to those of weight and bias.
  void through_silu(const Window<T>& window, int64_t t) {
    const int64_t count = window.channels(), channel = window.channel();
    T* d_sum = d_sums_[t].data();
    const T* d_y = d_y_.row(window.unit.begin + t) + channel;
    T* d_bias = shared_.bias_C.data() + channel;
    window.sum(t, d_sum);
#pragma omp simd
    for (int64_t c = 0; c < count; ++c) {
      d_sum[c] = d_y[c] * silu_derivative_of(d_sum[c]);
      d_bias[c] += d_sum[c];
    }
    for (int64_t k = 0; k < in_.width; ++k) {
      const T* x = window.row(t + k - in_.before);
      if (x == nullptr) continue;
      T* d_weight = shared_.weight_KC.data() + k * in_.channels + channel;
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) d_weight[c] += d_sum[c] * x[c];
    }
  }

  // Token t is number k in the window of token t - k + before.
  void to_input(const Window<T>& window, int64_t t) {
    const int64_t count = window.channels();
    T* d_x = d_x_.row(window.unit.begin + t) + window.channel();
    std::fill_n(d_x, count, T(0));
    for (int64_t k = 0; k < in_.width; ++k) {
      const int64_t of = t - k + in_.before;
      if (of < 0 || of >= window.unit.length) continue;
      const T *d_sum = d_sums_[of].data(), *w = window.weight(k);
#pragma omp simd
      for (int64_t c = 0; c < count; ++c) d_x[c] += w[c] * d_sum[c];
    }
  }

  const ConvNumbers<T>& in_;
  RowsOf<T> d_y_, d_x_;
  SharedSums<T>& shared_;
  std::vector<Row<T>> d_sums_;  // By token of the sequence.
};

template <typename T>
void backward(const Conv1dSiluInputs& inputs, const at::Tensor& d_y_TC,
              const Conv1dSiluGradients& d) {
  const ConvNumbers<T> in(inputs);
  const WorkParts parts(inputs.offsets_S1, in.groups(), kGroup * (3 * in.width + 8));
  std::vector<SharedSums<T>> sums(parts.count(), SharedSums<T>(in));
  parts.run([&](int64_t part, const Unit* first, const Unit* last) {
    BackwardTask<T> task(in, RowsOf<T>(d_y_TC), RowsOf<T>(d.x), sums[part]);
    for (const Unit* unit = first; unit != last; ++unit) task.run(*unit);
  });
  for (size_t part = 1; part < sums.size(); ++part) sums[0].add(sums[part]);
  std::copy(sums[0].bias_C.begin(), sums[0].bias_C.end(), d.bias.data_ptr<T>());
  T* d_weight_CK = d.weight.data_ptr<T>();
  for (int64_t c = 0; c < in.channels; ++c) {
    for (int64_t k = 0; k < in.width; ++k) {
      d_weight_CK[c * in.width + k] = sums[0].weight_KC[k * in.channels + c];
    }
  }
}

}  // namespace

at::Tensor conv1d_silu_forward_cpu(const Conv1dSiluInputs& inputs, const at::Tensor* tail_SKC) {
  const at::Tensor y = at::empty(inputs.x_TC.sizes(), inputs.x_TC.options());
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "conv1d_silu",
                             [&] { forward<scalar_t>(inputs, tail_SKC, y); });
  return y;
}

Conv1dSiluGradients conv1d_silu_backward_cpu(const Conv1dSiluInputs& inputs,
                                             const at::Tensor& d_y_TC) {
  const Conv1dSiluGradients d{at::empty(inputs.x_TC.sizes(), d_y_TC.options()),
                              at::empty(inputs.weight_CK.sizes(), d_y_TC.options()),
                              at::empty(inputs.bias_C.sizes(), d_y_TC.options())};
  AT_DISPATCH_FLOATING_TYPES(d_y_TC.scalar_type(), "conv1d_silu",
                             [&] { backward<scalar_t>(inputs, d_y_TC, d); });
  return d;
}

}  // namespace seqsweep
