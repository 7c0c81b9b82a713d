// Times two ways of one work in turns and prints a row of a Markdown table.
#pragma once

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace seqsweep {

inline double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<int64_t>(values.size() / 2));
  return values[values.size() / 2];
}

inline double seconds(const std::function<void()>& work) {
  const double start = monotonic_s();
  work();
  return monotonic_s() - start;
}

// The two take turns, so that what else the machine does meets both; the ratio is the median of the
// rounds' ratios.
inline void compare(const std::string& name, int rounds, const std::function<void()>& ours,
                    const std::function<void()>& eager) {
  ours();
  eager();
  std::vector<double> ours_s, eager_s, ratios;
  for (int round = 0; round < rounds; ++round) {
    ours_s.push_back(seconds(ours));
    eager_s.push_back(seconds(eager));
    ratios.push_back(eager_s.back() / ours_s.back());
  }
  fmt::print("| {} | {:.1f} | {:.1f} | {:.2f} |\n", name, 1e3 * median(ours_s),
             1e3 * median(eager_s), median(ratios));
}

inline torch::Tensor leaf(at::IntArrayRef sizes) {
  return torch::randn(sizes).mul_(0.1).requires_grad_();
}

}  // namespace seqsweep
