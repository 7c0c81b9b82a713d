#include "coordinator/pruner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace seqsweep {

Pruner::Pruner(std::optional<PruneConfig> config, const std::vector<SweepRun>& runs)
    : config_(std::move(config)) {
  if (!config_) return;
  std::set<std::string> needed;
  for (const SweepRun& run : runs) needed.insert(run.needs.begin(), run.needs.end());
  for (const SweepRun& run : runs) {
    if (needed.contains(run.run_id)) continue;
    const std::string rivals = fmt::format("{} {} {}", run.config.dataset.dump(),
                                           run.config.model.value("name", ""), run.config.seed);
    places_[run.run_id] = {.rivals = rivals};
  }
}

std::optional<std::string> Pruner::judge(const std::string& run_id, const MetricRow& metric) {
  const auto found = places_.find(run_id);
  if (found == places_.end() || metric.split != "validation" || metric.name != config_->metric) {
    return std::nullopt;
  }
  Place& place = found->second;
  std::optional<std::string> verdict;
  while (place.next_rung < config_->rungs.size() &&
         metric.epoch >= config_->rungs[place.next_rung]) {
    auto& values = rungs_[{place.rivals, place.next_rung++}];
    values[run_id] = std::isnan(metric.value) ? -HUGE_VAL : metric.value;
    const auto better = std::ranges::count_if(
        values, [&](const auto& rival) { return rival.second > values[run_id]; });
    const double kept = std::ceil(config_->keep * static_cast<double>(values.size()));
    if (static_cast<double>(better) < kept) continue;
    verdict = fmt::format("pruned: {} {:.4f} after {} epochs, {} of {} runs were better",
                          metric.name, metric.value, metric.epoch, better, values.size() - 1);
  }
  return verdict;
}

}  // namespace seqsweep
