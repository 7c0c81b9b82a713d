#include "kernels/usgm_step.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/types.h>

#include <vector>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/usgm_step_cuda.h"

namespace seqsweep {

UsgmCuda usgm_cuda;

namespace {

using at::Tensor;

constexpr const char* kName = "usgm_step";

void check(const UsgmTensors& tensors) {
  require_shape(kName, "values", tensors.values, {-1});
  require_floating(kName, tensors.values);
  const auto require_alike = [&](const char* name, const Tensor& tensor) {
    if (!tensor.defined()) return;
    require_shape(kName, name, tensor, {tensors.values.numel()});
    require_same_device_and_dtype(kName, tensors.values, tensor);
    if (!tensor.is_contiguous()) throw_run("{}: {} must be contiguous", kName, name);
  };
  require_alike("values", tensors.values);
  require_alike("gradients", tensors.gradients);
  require_alike("step", tensors.step);
  require_alike("second_moment", tensors.second_moment);
  require_alike("origin", tensors.origin);
  require_alike("average", tensors.average);
  require_shape(kName, "scalars", tensors.scalars, {kUsgmScalars});
}

template <typename T>
struct Pointers {
  T *values, *step, *second_moment, *average;
  const T *gradients, *origin;
  explicit Pointers(const UsgmTensors& tensors)
      : values(pointer(tensors.values)),
        step(pointer(tensors.step)),
        second_moment(pointer(tensors.second_moment)),
        average(pointer(tensors.average)),
        gradients(pointer(tensors.gradients)),
        origin(pointer(tensors.origin)) {}
  static T* pointer(const Tensor& tensor) {
    return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
  }
};

struct Range {
  int64_t begin, end;
};

int64_t part_count(int64_t size) {
  return (size + kUsgmPart - 1) / kUsgmPart;
}

// Sums over parts of a fixed size, then over the parts in their order.
template <typename Sums>
Sums sum_of_parts(int64_t size, const auto& sums_of) {
  std::vector<Sums> parts(static_cast<size_t>(part_count(size)));
  at::parallel_for(0, std::ssize(parts), 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      const int64_t begin = part * kUsgmPart;
      parts[static_cast<size_t>(part)] = sums_of(Range{begin, std::min(begin + kUsgmPart, size)});
    }
  });
  Sums sums;
  for (const Sums& part : parts) sums += part;
  return sums;
}

struct MadeSums {
  double along = 0, r2 = 0;
  void operator+=(const MadeSums& other) {
    along += other.along;
    r2 += other.r2;
  }
};

template <typename T>
double product(const T* a, const T* b, Range range) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = range.begin; i < range.end; ++i) sum += double(a[i]) * double(b[i]);
  return sum;
}

// What the metric weighs parameter i with, before it is scaled.
template <typename T, bool kDiagonal>
inline double weight_of(const T* second_moment, int64_t i, double correction, double eps) {
  return kDiagonal ? std::sqrt(double(second_moment[i]) / correction) + eps : 1.0;
}

template <typename T, bool kDiagonal>
UsgmSums look_at(const Pointers<T>& p, Range range, const UsgmRule& rule, double correction) {
  const T* g = p.gradients;
  T* v = p.second_moment;
  const double keep = rule.metric_decay, eps = rule.metric_eps;
  double square = 0, metric = 0;
#pragma omp simd reduction(+ : square, metric)
  for (int64_t i = range.begin; i < range.end; ++i) {
    const double gradient = g[i];
    if constexpr (kDiagonal) {
      v[i] = static_cast<T>(keep * double(v[i]) + (1 - keep) * gradient * gradient);
    }
    const double b = weight_of<T, kDiagonal>(v, i, correction, eps);
    square += gradient * gradient / b;
    metric += b;
  }
  UsgmSums sums;
  sums.turned = product(g, p.step, range);
  sums.square = square;
  sums.metric = metric;
  if (rule.weight_decay > 0) sums.radial = product(g, p.values, range);
  if (p.origin == nullptr) return sums;
  for (int64_t i = range.begin; i < range.end; ++i) {
    const double away = double(p.values[i]) - double(p.origin[i]);
    sums.distance += weight_of<T, kDiagonal>(v, i, correction, eps) * away * away;
    sums.outward += double(g[i]) * away;
  }
  return sums;
}

template <typename T, bool kDiagonal>
MadeSums update(const Pointers<T>& p, Range range, const UsgmRule& rule,
                const UsgmScalars& scalars) {
  const T *g = p.gradients, *v = p.second_moment, *origin = p.origin;
  T *x = p.values, *step = p.step;
  const double mean = scalars.mean_metric, length = scalars.length;
  const double shrink = shrink_of(scalars, rule);
  const double correction = scalars.correction, eps = rule.metric_eps, pull = scalars.pull;
  const bool ball = rule.ball;
  double along = 0, r2 = 0;
#pragma omp simd reduction(+ : along, r2)
  for (int64_t i = range.begin; i < range.end; ++i) {
    const double b = weight_of<T, kDiagonal>(v, i, correction, eps) / mean;
    double made = -length * (double(g[i]) / b) - shrink * double(x[i]);
    if (ball) made += (pull - 1) * (double(x[i]) + made - double(origin[i]));
    step[i] = static_cast<T>(made);
    x[i] = static_cast<T>(double(x[i]) + made);
    along += double(g[i]) * double(step[i]);
    r2 += b * double(step[i]) * double(step[i]);
  }
  if (p.average != nullptr) {
    const double share = share_of_average(scalars, rule);
    for (int64_t i = range.begin; i < range.end; ++i) {
      p.average[i] += static_cast<T>(share * (double(x[i]) - double(p.average[i])));
    }
  }
  return {along, r2};
}

template <typename T, bool kDiagonal>
void step_on_cpu(const UsgmTensors& tensors, const UsgmRule& rule) {
  const Pointers<T> p(tensors);
  const int64_t size = tensors.values.numel();
  auto& scalars = *reinterpret_cast<UsgmScalars*>(tensors.scalars.data_ptr<double>());
  const double correction = scalars.correction;
  const auto sums = sum_of_parts<UsgmSums>(
      size, [&](Range range) { return look_at<T, kDiagonal>(p, range, rule, correction); });
  decide_step(scalars, sums, static_cast<double>(size), rule);
  const auto made = sum_of_parts<MadeSums>(
      size, [&](Range range) { return update<T, kDiagonal>(p, range, rule, scalars); });
  end_step(scalars, made.along, made.r2, rule);
}

void on_cuda(const UsgmTensors& tensors, const UsgmRule& rule,
             const char* (*launch)(const UsgmParams&)) {
  const c10::DeviceGuard guard(tensors.values.device());
  const Pointers<float> p(tensors);
  const int64_t size = tensors.values.numel();
  const Tensor parts = at::empty({part_count(size), kUsgmSums}, tensors.scalars.options());
  launch_cuda(
      kName, launch,
      UsgmParams{.values = p.values,
                 .gradients = p.gradients,
                 .step = p.step,
                 .second_moment = p.second_moment,
                 .origin = p.origin,
                 .average = p.average,
                 .scalars = reinterpret_cast<UsgmScalars*>(tensors.scalars.data_ptr<double>()),
                 .parts = parts.data_ptr<double>(),
                 .size = size,
                 .rule = rule});
}

}  // namespace

Tensor new_usgm_scalars(double lr, const UsgmRule& rule, c10::Device device) {
  UsgmScalars scalars;
  scalars.h = 1 / lr;
  scalars.diameter = rule.diameter;
  scalars.correction = 1 - rule.metric_decay;
  return at::from_blob(&scalars, {kUsgmScalars}, at::kDouble).clone().to(device);
}

UsgmScalars read_usgm_scalars(const Tensor& scalars) {
  const Tensor host = scalars.cpu();
  return *reinterpret_cast<const UsgmScalars*>(host.data_ptr<double>());
}

void usgm_step(const UsgmTensors& tensors, const UsgmRule& rule) {
  const at::NoGradGuard no_grad;
  check(tensors);
  if (tensors.values.numel() == 0) return;
  if (!tensors.values.is_cpu()) return on_cuda(tensors, rule, usgm_cuda.step);
  const bool diagonal = tensors.second_moment.defined();
  AT_DISPATCH_FLOATING_TYPES(tensors.values.scalar_type(), kName, [&] {
    diagonal ? step_on_cpu<scalar_t, true>(tensors, rule)
             : step_on_cpu<scalar_t, false>(tensors, rule);
  });
}

void usgm_look_again(const UsgmTensors& tensors, const UsgmRule& rule) {
  const at::NoGradGuard no_grad;
  check(tensors);
  if (tensors.values.numel() == 0) return;
  if (!tensors.values.is_cpu()) return on_cuda(tensors, rule, usgm_cuda.look_again);
  struct Turned {
    double value = 0;
    void operator+=(const Turned& other) { value += other.value; }
  };
  AT_DISPATCH_FLOATING_TYPES(tensors.values.scalar_type(), kName, [&] {
    const Pointers<scalar_t> p(tensors);
    const auto turned = sum_of_parts<Turned>(tensors.values.numel(), [&](Range range) {
      return Turned{product(p.gradients, static_cast<const scalar_t*>(p.step), range)};
    });
    auto& scalars = *reinterpret_cast<UsgmScalars*>(tensors.scalars.data_ptr<double>());
    raise_h(scalars, turned.value - scalars.along);
  });
}

}  // namespace seqsweep
