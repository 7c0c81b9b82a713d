#include "core/eval/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/random.h"

namespace seqsweep {
namespace {

double normal_cdf(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

// By bisection: exact to the last bits, and called a few times an interval. A share of 0 or 1,
// which a bootstrap of finite size can give, ends at the bracket.
double normal_quantile(double p) {
  double low = -9, high = 9;
  for (int i = 0; i < 64; ++i) {
    const double middle = 0.5 * (low + high);
    (normal_cdf(middle) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

double quantile(std::span<const double> sorted, double p) {
  SEQ_CHECK(!sorted.empty() && p >= 0 && p <= 1);
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

std::vector<double> without_outliers(std::span<const double> sample) {
  if (sample.empty()) return {};
  std::vector<double> sorted(sample.begin(), sample.end());
  std::sort(sorted.begin(), sorted.end());
  const double first = quantile(sorted, 0.25), third = quantile(sorted, 0.75);
  const double fence = 1.5 * (third - first);
  std::vector<double> kept;
  std::copy_if(sample.begin(), sample.end(), std::back_inserter(kept),
               [&](double x) { return x >= first - fence && x <= third + fence; });
  return kept;
}

double mean(std::span<const double> sample) {
  SEQ_CHECK(!sample.empty());
  return std::accumulate(sample.begin(), sample.end(), 0.0) / static_cast<double>(sample.size());
}

double bias_correction(std::span<const double> resampled_means, double mean) {
  double below = 0;
  for (const double resampled : resampled_means) {
    below += resampled < mean ? 1.0 : resampled == mean ? 0.5 : 0.0;
  }
  return normal_quantile(below / static_cast<double>(resampled_means.size()));
}

double acceleration(std::span<const double> sample) {
  // Leaving x_i out moves the mean by (mean - x_i) / (n - 1), so Efron's influence values
  // (n - 1)(mean of the jackknife means - i-th of them) are x_i - mean.
  const double center = mean(sample);
  double squares = 0, cubes = 0;
  for (const double x : sample) {
    squares += (x - center) * (x - center);
    cubes += (x - center) * (x - center) * (x - center);
  }
  return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0.0;
}

MeanInterval bca_interval(std::span<const double> sample, std::vector<double> resampled_means,
                          double confidence) {
  SEQ_CHECK(!resampled_means.empty() && confidence > 0 && confidence < 1);
  const double center = mean(sample);
  const auto [least, most] = std::minmax_element(sample.begin(), sample.end());
  if (*least == *most) return {center, center, center};
  std::sort(resampled_means.begin(), resampled_means.end());
  const double z0 = bias_correction(resampled_means, center);
  const double a = acceleration(sample);
  const auto end = [&](double p) {
    const double z = z0 + normal_quantile(p);
    return quantile(resampled_means, normal_cdf(z0 + z / (1 - a * z)));
  };
  return {center, end((1 - confidence) / 2), end((1 + confidence) / 2)};
}

MeanInterval bootstrap_mean(std::span<const double> sample, uint64_t seed, int64_t resamples,
                            double confidence) {
  if (sample.empty()) throw_input("bootstrap: the sample is empty; at least one value is needed");
  Rng rng(seed);
  std::vector<double> resampled_means(resamples);
  for (double& resampled : resampled_means) {
    double sum = 0;
    for (size_t i = 0; i < sample.size(); ++i) sum += sample[rng.below(sample.size())];
    resampled = sum / static_cast<double>(sample.size());
  }
  return bca_interval(sample, std::move(resampled_means), confidence);
}

}  // namespace seqsweep
