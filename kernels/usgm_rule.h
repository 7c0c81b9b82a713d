// The scalars of a USGM step (paper, Algorithm 1), without torch or CUDA headers: one text for both
// kinds of device. Norms are those of a diagonal metric B (all ones: Euclidean), products <,>
// plain.
#pragma once

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define SEQSWEEP_EVERYWHERE __host__ __device__
#else
#define SEQSWEEP_EVERYWHERE
#endif

namespace seqsweep {

struct UsgmRule {
  double diameter = 10;      // D
  double max_step = 0.1;     // Most that g moves x, in D, and that decay takes of x; 0: no bound.
  double weight_decay = 0;   // Decoupled: a step also shrinks x by this times its length.
  double metric_decay = 0;   // Of the squared gradients that make the metric.
  double metric_eps = 0;     // Added to their roots.
  double average_power = 0;  // Iterate k weighs k^this in the average.
  double step_scale = 1;     // The step is this over H_k.
  bool ball = false;         // Steps end in the ball of radius D around the origin.
  bool grows = false;  // D is the largest distance from the origin so far, from `diameter` on.
  bool looks_again = false;  // H grows in look_again() only.
};

// On the device of the parameters.
struct UsgmScalars {
  double h = 0;              // H_k
  double diameter = 0;       // D
  double steps = 0;          // Done: k.
  double beta = 0, r = 0;    // beta-hat_k and |x_k - x_{k-1}|; NaN at the first step.
  double length = 0;         // Of the step: x_{k+1} = x_k - length B^-1 g_k.
  double square = 0;         // |g_k|^2
  double overlap = 0;        // <g_k, B^-1 g_{k-1}>; NaN at the first step.
  double pull = 1;           // Of the way from the origin, the part that the ball leaves.
  double mean_metric = 1;    // B is divided by it, so that its mean is one.
  double correction = 1;     // 1 - metric_decay^(k + 1): of moments that began at nothing.
  double along = 0, r2 = 0;  // Of the step made: <g_k, x_{k+1} - x_k> and |x_{k+1} - x_k|^2.
};
constexpr int kUsgmScalars = sizeof(UsgmScalars) / sizeof(double);

// Sums over all parameters that a step is decided from.
struct UsgmSums {
  double turned = 0;    // <g_k, x_k - x_{k-1}>
  double square = 0;    // sum g^2 / b
  double metric = 0;    // sum b
  double distance = 0;  // sum b (x - x_0)^2
  double outward = 0;   // <g_k, x_k - x_0>
  double radial = 0;    // <g_k, x_k>, where weight decay needs it.
};
constexpr int kUsgmSums = sizeof(UsgmSums) / sizeof(double);

SEQSWEEP_EVERYWHERE inline void operator+=(UsgmSums& sums, const UsgmSums& more) {
  sums.turned += more.turned;
  sums.square += more.square;
  sums.metric += more.metric;
  sums.distance += more.distance;
  sums.outward += more.outward;
  sums.radial += more.radial;
}

// H_{k+1} = H_k + [beta-hat - H_k r^2 / 2]_+ / (D^2 + r^2 / 2)
SEQSWEEP_EVERYWHERE inline void raise_h(UsgmScalars& scalars, double beta) {
  const double excess = beta - scalars.h * scalars.r2 / 2;
  if (excess > 0) scalars.h += excess / (scalars.diameter * scalars.diameter + scalars.r2 / 2);
}

// H is a sum of terms over D^2: what it would be had D been as large from the start.
SEQSWEEP_EVERYWHERE inline void grow_diameter(UsgmScalars& scalars, double distance) {
  if (!(distance > scalars.diameter)) return;
  const double part = scalars.diameter / distance;
  scalars.h *= part * part;
  scalars.diameter = distance;
}

// Of x, the part that a step takes away: bounded, or a long step would turn x around.
SEQSWEEP_EVERYWHERE inline double shrink_of(const UsgmScalars& scalars, const UsgmRule& rule) {
  const double part = scalars.length * rule.weight_decay;
  return rule.max_step > 0 ? fmin(part, rule.max_step) : part;
}

// <g_k, B^-1 g_{k-1}> from the step made,
// x_k = x_0 + pull (x_{k-1} - length B^-1 g_{k-1} - shrink x_{k-1} - x_0).
SEQSWEEP_EVERYWHERE inline double overlap_of(const UsgmScalars& made, const UsgmSums& sums,
                                             const UsgmRule& rule) {
  const double pulled = sums.outward * (1 - 1 / made.pull);
  const double shrunk = shrink_of(made, rule) * (sums.radial - sums.turned);
  return (pulled - shrunk - sums.turned) / made.length;
}

SEQSWEEP_EVERYWHERE inline void decide_step(UsgmScalars& scalars, const UsgmSums& sums,
                                            double parameters, const UsgmRule& rule) {
  scalars.mean_metric = sums.metric / parameters;
  const double distance2 = sums.distance / scalars.mean_metric;  // |x_k - x_0|^2
  if (rule.grows) grow_diameter(scalars, sqrt(distance2));
  scalars.beta = scalars.r = scalars.overlap = NAN;
  if (scalars.steps > 0) {
    scalars.beta = sums.turned - scalars.along;
    scalars.r = sqrt(scalars.r2);
    scalars.overlap = overlap_of(scalars, sums, rule);
    if (!rule.looks_again) raise_h(scalars, scalars.beta);
  }
  scalars.square = sums.square * scalars.mean_metric;
  scalars.length = rule.step_scale / scalars.h;
  if (rule.max_step > 0) {
    scalars.length = fmin(scalars.length, rule.max_step * scalars.diameter / sqrt(scalars.square));
  }
  if (rule.ball) {  // |x_k - length B^-1 g_k - x_0|^2, without making that point first.
    const double end2 = distance2 - 2 * scalars.length * sums.outward +
                        scalars.length * scalars.length * scalars.square;
    scalars.pull = fmin(1.0, scalars.diameter / sqrt(end2));
  }
}

// Of the iterate that the step leads to, in the average of all so far.
SEQSWEEP_EVERYWHERE inline double share_of_average(const UsgmScalars& scalars,
                                                   const UsgmRule& rule) {
  return (rule.average_power + 1) / (scalars.steps + 1 + rule.average_power);
}

SEQSWEEP_EVERYWHERE inline void end_step(UsgmScalars& scalars, double along, double r2,
                                         const UsgmRule& rule) {
  scalars.along = along;
  scalars.r2 = r2;
  scalars.steps += 1;
  scalars.correction = 1 - pow(rule.metric_decay, scalars.steps + 1);
}

}  // namespace seqsweep
