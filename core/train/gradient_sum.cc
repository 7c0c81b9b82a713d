#include "core/train/gradient_sum.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace seqsweep {
namespace {

constexpr int64_t kMeasureEvery = 4;  // Sums, on a GPU: the host waits for it to measure.

}  // namespace

GradientSum::GradientSum(Task& task, Parameters& parameters, Group& group, const Clock& clock)
    : task_(task),
      parameters_(parameters),
      group_(group),
      clock_(clock),
      division_(group.size()),
      buckets_(parameters, group) {}

void GradientSum::compute(std::span<const Microbatch> step) {
  const Share mine = division_.share_of(std::ssize(step), group_.rank());
  const bool measured = measures();
  const double began_s = measured ? device_s() : 0;
  torch::Tensor& loss_and_targets = parameters_.loss_and_targets();

  parameters_.sums().zero_();
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const LossSum loss = task_.loss(step[i].examples, step[i].seed);
    loss_and_targets[0] += loss.sum.detach();  // Before backward: they leave with its first bucket.
    loss_and_targets[1] += loss.count;
    if (i + 1 == mine.end) buckets_.expect_last_backward();
    loss.sum.backward();
  }
  const int64_t count = mine.end - mine.begin;
  ++sums_;
  if (measured && count > 0) seconds_ = (device_s() - began_s) / static_cast<double>(count);
  buckets_.finish();
}

void GradientSum::agree(std::span<double> wishes) {
  std::vector<double> told(wishes.begin(), wishes.end());
  told.resize(wishes.size() + static_cast<size_t>(group_.size()));
  const std::span<double> seconds = std::span(told).subspan(wishes.size());
  seconds[static_cast<size_t>(group_.rank())] = std::exchange(seconds_, 0);
  group_.all_reduce_sum(told);
  std::copy_n(told.begin(), wishes.size(), wishes.begin());
  observe(seconds);
}

// A rank alone has nothing to divide.
bool GradientSum::measures() const {
  if (group_.size() == 1) return false;
  return parameters_.values().is_cpu() || sums_ % kMeasureEvery == 0;
}

// When everything that was launched so far is done.
double GradientSum::device_s() const {
  const torch::Device device = parameters_.values().device();
  if (!device.is_cpu()) {
    c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
  }
  return clock_.monotonic_s();
}

}  // namespace seqsweep
