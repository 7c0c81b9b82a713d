// Are two recommenders really different? Paired tests on the differences of one figure, a test user
// (or a seed) each, and Holm's correction for many of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/eval/bootstrap.h"

namespace seqsweep {

// Two-sided p-value of the paired permutation test: if the two were the same, every difference
// could as well have the other sign. All sign patterns when there are at most `resamples` of them,
// else so many random ones, the observed one counted too. The same as SciPy's
// permutation_test(permutation_type='samples'). Pairs without a difference decide nothing. NaN
// without pairs.
double permutation_p(std::span<const double> differences, uint64_t seed, int64_t resamples = 9999);

struct PairedBootstrap {
  MeanInterval interval;  // Of the mean difference: BCa.
  double p = 0;  // Two-sided: how often a resampled mean is as far from the mean as that from 0.
};

// Resamples pairs with replacement. Throws Error (Fault::Input) when there are none.
PairedBootstrap paired_bootstrap(std::span<const double> differences, uint64_t seed,
                                 int64_t resamples = 1999, double confidence = 0.95);

// Cohen's d of paired differences: their mean in standard deviations (n - 1). NaN for fewer than
// two, or when they are all equal.
double effect_size(std::span<const double> differences);

// p-values corrected for being many (Holm 1979), in their order. NaN takes no part and stays.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace seqsweep
