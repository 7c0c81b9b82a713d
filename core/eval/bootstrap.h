// The statistics of the latency protocol: Tukey's fences, and a mean with a BCa bootstrap interval
// (Efron 1987, "Better Bootstrap Confidence Intervals").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace seqsweep {

// The value below which a share p, from 0 to 1, of the sample lies: linear interpolation between
// the order statistics floor((n-1) p) and the next (type 7 of Hyndman & Fan 1996, NumPy's default).
// `sorted` is ascending and not empty.
double quantile(std::span<const double> sorted, double p);

// Without what lies more than 1.5 interquartile ranges below the first or above the third quartile
// (Tukey 1977). Keeps the order.
std::vector<double> without_outliers(std::span<const double> sample);

double mean(std::span<const double> sample);  // Of at least one value.

struct MeanInterval {
  double mean = 0, low = 0, high = 0;
};

// The share of resampled means below the mean, as a normal quantile (z0); ties count half.
double bias_correction(std::span<const double> resampled_means, double mean);

// The jackknife's estimate of how fast the standard error of the mean changes with it (a).
double acceleration(std::span<const double> sample);

// The interval read off the given resampled means. A sample of equal values has no width.
MeanInterval bca_interval(std::span<const double> sample, std::vector<double> resampled_means,
                          double confidence);

// With `resamples` draws of the sample's own size, with replacement, the same for the same seed.
// Throws Error (Fault::Input) when the sample is empty.
MeanInterval bootstrap_mean(std::span<const double> sample, uint64_t seed, int64_t resamples = 9999,
                            double confidence = 0.95);

}  // namespace seqsweep
