#include "core/eval/significance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"

namespace seqsweep {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

std::vector<double> without_zeros(std::span<const double> values) {
  std::vector<double> kept;
  std::ranges::copy_if(values, std::back_inserter(kept), [](double value) { return value != 0; });
  return kept;
}

// Sums of values under random or given signs. Eight values at a time have their 256 sums in a
// table, so that a pattern of n signs costs n / 8 look-ups.
class SignedSums {
 public:
  explicit SignedSums(const std::vector<double>& values) {
    for (size_t first = 0; first < values.size(); first += 8) {
      std::array<double, 256> sums{};
      for (size_t signs = 0; signs < sums.size(); ++signs) {
        for (size_t i = first; i < std::min(first + 8, values.size()); ++i) {
          sums[signs] += (signs >> (i - first)) & 1 ? values[i] : -values[i];
        }
      }
      tables_.push_back(sums);
    }
  }

  double of(uint64_t signs) const {  // Of at most 64 values.
    double sum = 0;
    for (const auto& table : tables_) {
      sum += table[signs & 255];
      signs >>= 8;
    }
    return sum;
  }

  double random(Rng& rng) const {
    double sum = 0;
    for (size_t first = 0; first < tables_.size(); first += 8) {
      uint64_t signs = rng.bits();
      for (size_t i = first; i < std::min(first + 8, tables_.size()); ++i) {
        sum += tables_[i][signs & 255];
        signs >>= 8;
      }
    }
    return sum;
  }

 private:
  std::vector<std::array<double, 256>> tables_;
};

// How many of n draws with replacement fall on a part of the sample: Binomial(n, share), by
// inversion.
class Hits {
 public:
  Hits(size_t n, size_t part) : always_(part == n ? n : 0), upper_(n + 1, 1.0) {
    if (always_ > 0) return;
    const auto count = static_cast<double>(n);
    const double share = static_cast<double>(part) / count;
    double below = 0;
    for (size_t k = 0; k <= n; ++k) {
      const auto hits = static_cast<double>(k);
      below +=
          std::exp(std::lgamma(count + 1) - std::lgamma(hits + 1) - std::lgamma(count - hits + 1) +
                   hits * std::log(share) + (count - hits) * std::log1p(-share));
      upper_[k] = below;
    }
  }
  size_t draw(Rng& rng) const {
    if (always_ > 0) return always_;
    const auto found = std::ranges::upper_bound(upper_, rng.uniform());
    return std::min(static_cast<size_t>(found - upper_.begin()), upper_.size() - 1);
  }

 private:
  size_t always_;              // Every draw hits: n. Else 0.
  std::vector<double> upper_;  // P(hits <= k)
};

// Of draws with replacement from all values; those of zero add nothing and are not drawn one by
// one. Two indices a random number: their bias is below 1e-5 for any sample that fits memory here.
std::vector<double> resampled_means(std::span<const double> values, uint64_t seed,
                                    int64_t resamples) {
  const std::vector<double> some = without_zeros(values);
  std::vector<double> means(static_cast<size_t>(resamples), 0.0);
  if (some.empty()) return means;
  Rng rng(seed);
  const Hits hits(values.size(), some.size());
  for (double& mean : means) {
    double sum = 0;
    size_t left = hits.draw(rng);
    for (; left > 1; left -= 2) {
      const uint64_t bits = rng.bits();
      sum += some[(bits >> 32) * some.size() >> 32];
      sum += some[(bits & 0xffffffff) * some.size() >> 32];
    }
    if (left == 1) sum += some[rng.below(some.size())];
    mean = sum / static_cast<double>(values.size());
  }
  return means;
}

}  // namespace

double permutation_p(std::span<const double> differences, uint64_t seed, int64_t resamples) {
  if (differences.empty()) return kNoNumber;
  const std::vector<double> values = without_zeros(differences);
  const double observed = std::accumulate(values.begin(), values.end(), 0.0);
  double size = 0;
  for (const double value : values) size += std::abs(value);
  const double slack = 1e-12 * size;  // Sums in another order differ by rounding: no difference.
  const SignedSums sums(values);
  int64_t below = 0, above = 0;
  const auto count = [&](double sum) {
    below += sum <= observed + slack;
    above += sum >= observed - slack;
  };
  const bool all = values.size() < 62 && (int64_t{1} << values.size()) <= resamples;
  const int64_t patterns = all ? int64_t{1} << values.size() : resamples;
  if (all) {
    for (int64_t signs = 0; signs < patterns; ++signs) count(sums.of(static_cast<uint64_t>(signs)));
  } else {
    Rng rng(seed);
    for (int64_t i = 0; i < patterns; ++i) count(sums.random(rng));
  }
  const double own = all ? 0 : 1;
  const double rarer = static_cast<double>(std::min(below, above)) + own;
  return std::min(1.0, 2 * rarer / (static_cast<double>(patterns) + own));
}

PairedBootstrap paired_bootstrap(std::span<const double> differences, uint64_t seed,
                                 int64_t resamples, double confidence) {
  if (differences.empty())
    throw_input("paired bootstrap: there are no pairs; at least one is needed");
  std::vector<double> means = resampled_means(differences, seed, resamples);
  const double observed = mean(differences);
  const double slack = 1e-12 * std::abs(observed);
  const auto far = std::ranges::count_if(
      means, [&](double m) { return std::abs(m - observed) >= std::abs(observed) - slack; });
  const double p = static_cast<double>(far + 1) / static_cast<double>(resamples + 1);
  return {bca_interval(differences, std::move(means), confidence), p};
}

double effect_size(std::span<const double> differences) {
  if (differences.size() < 2) return kNoNumber;
  const double center = mean(differences);
  double squares = 0;
  for (const double value : differences) squares += (value - center) * (value - center);
  const double sd = std::sqrt(squares / static_cast<double>(differences.size() - 1));
  return sd > 1e-12 * std::abs(center) ? center / sd : kNoNumber;
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<size_t> order;
  for (size_t i = 0; i < p_values.size(); ++i) {
    if (!std::isnan(p_values[i])) order.push_back(i);
  }
  std::ranges::sort(order, {}, [&](size_t i) { return p_values[i]; });
  std::vector<double> corrected(p_values.begin(), p_values.end());
  double largest = 0;
  for (size_t place = 0; place < order.size(); ++place) {
    const auto tests_left = static_cast<double>(order.size() - place);
    largest = std::max(largest, std::min(1.0, tests_left * p_values[order[place]]));
    corrected[order[place]] = largest;
  }
  return corrected;
}

}  // namespace seqsweep
