#include "coordinator/estimator.h"

#include <algorithm>
#include <cmath>

namespace seqsweep {
namespace {

// Of one rank, of a small model on a core; only their relations matter.
constexpr double kPerInteractionS = 20e-6;  // And epoch, forwards and backwards.
constexpr double kPerStepS = 2e-3;          // Launching, the optimizer, a message.
constexpr double kPerCallS = 0.5e-3;        // A recommendation.
constexpr DatasetSize kUnknown{.users = 1000, .interactions = 100'000};

double prior_s(const RunConfig& config, const DatasetSize& size) {
  const TrainConfig& train = config.train;
  const auto users = static_cast<double>(size.users);
  const double step_size = static_cast<double>(train.batch_size * train.microbatches);
  const double epoch_s = static_cast<double>(size.interactions) * kPerInteractionS +
                         std::ceil(users / step_size) * kPerStepS;
  const double calls = static_cast<double>(config.latency.samples * config.latency.users);
  const double ranks = static_cast<double>(train.ranks);
  return (static_cast<double>(train.epochs) * epoch_s + calls * kPerCallS + users * kPerCallS) /
         ranks;
}

constexpr const char* kAnyDevice = "any";

}  // namespace

std::string device_class(const std::string& device) {
  return device.substr(0, device.find_first_of(": "));
}

RunKind Estimator::kind_of(const RunConfig& config) const {
  RunKind kind{.same = without_keys(config.json(), {"seed"}).dump(),
               .model = config.model.value("name", ""),
               .dataset = config.dataset.dump()};
  const auto size = sizes_.find(kind.dataset);
  kind.prior_s = prior_s(config, size == sizes_.end() ? kUnknown : size->second);
  return kind;
}

Estimator::Levels Estimator::levels(const RunKind& kind) {
  return {"same " + kind.same, "model " + kind.model + " data " + kind.dataset,
          "model " + kind.model, "all"};
}

void Estimator::learn(const RunKind& kind, const std::string& device, double seconds) {
  const double ratio = std::max(seconds, 1e-3) / std::max(kind.prior_s, 1e-3);
  const Levels keys = levels(kind);
  for (const std::string& where : {device_class(device), std::string(kAnyDevice)}) {
    for (size_t i = 0; i < keys.size(); ++i) {
      Mean& mean = means_[where + " " + keys[i]];
      mean.sum += i == 0 ? seconds : std::log(ratio);
      ++mean.count;
    }
  }
}

bool Estimator::knows(const RunKind& kind) const {
  return means_.contains(std::string(kAnyDevice) + " " + levels(kind).front());
}

double Estimator::seconds(const RunKind& kind, const std::string& device) const {
  const Levels keys = levels(kind);
  for (const std::string& where : {device_class(device), std::string(kAnyDevice)}) {
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto known = means_.find(where + " " + keys[i]);
      if (known == means_.end()) continue;
      return i == 0 ? known->second.value() : kind.prior_s * std::exp(known->second.value());
    }
  }
  return kind.prior_s;
}

void Estimator::learn_memory(const RunKind& kind, const std::string& device, double bytes) {
  if (!(bytes >= 1)) return;
  const Levels keys = levels(kind);
  for (size_t i = 0; i < 2; ++i) {
    int64_t& peak = peaks_[device_class(device) + " " + keys[i]];
    peak = std::max(peak, static_cast<int64_t>(bytes));
  }
}

void Estimator::raise_memory(const RunKind& kind, const std::string& device, int64_t bytes) {
  int64_t& raised = raised_[device_class(device) + " " + levels(kind).front()];
  raised = std::max(raised, bytes);
}

std::optional<ExpectedMemory> Estimator::memory(const RunKind& kind,
                                                const std::string& device) const {
  const Levels keys = levels(kind);
  std::optional<ExpectedMemory> expected;
  for (size_t i = 0; i < 2 && !expected; ++i) {
    const auto peak = peaks_.find(device_class(device) + " " + keys[i]);
    if (peak != peaks_.end()) expected = {peak->second, i == 0};
  }
  const auto raised = raised_.find(device_class(device) + " " + keys.front());
  if (raised == raised_.end() || (expected && expected->bytes >= raised->second)) return expected;
  return ExpectedMemory{raised->second, false};
}

}  // namespace seqsweep
