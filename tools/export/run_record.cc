#include "tools/export/run_record.h"

#include <algorithm>
#include <cmath>

#include "db/queries.h"
#include "tools/report/run_difference.h"

namespace seqsweep {
namespace {

// When a step was made. Each attempt has its own start and end, so that the hours in which an
// interrupted run lay still do not count as training.
class StepTimes {
 public:
  StepTimes(std::vector<AttemptRow> attempts, const std::vector<StepRow>& steps, int64_t now_ms)
      : attempts_(std::move(attempts)), steps_(steps), now_ms_(now_ms) {}

  int64_t of_step(int64_t step) const {
    size_t made = attempts_.size() - 1;
    while (made > 0 && attempts_[made].resumed_from_step.value_or(step) >= step) --made;
    const AttemptRow& attempt = attempts_[made];
    const int64_t from = std::min(attempt.resumed_from_step.value_or(0), step);
    int64_t to = std::max(attempt.last_step.value_or(step), step);
    const bool last = made + 1 == attempts_.size();
    if (last && !steps_.empty()) to = std::max(to, steps_.back().step);
    return between(attempt, to == from ? 1.0 : double(step - from) / double(to - from));
  }

  // The end of an epoch, by the last logged step in it.
  int64_t of_epoch(int64_t epoch, int64_t epochs) const {
    const auto after = std::ranges::find_if(steps_, [&](const StepRow& step) {
      return step.epoch_position > static_cast<double>(epoch);
    });
    if (after != steps_.begin()) return of_step(std::prev(after)->step);
    return between(attempts_.back(), double(epoch) / double(std::max<int64_t>(epochs, epoch)));
  }

  int64_t end() const { return attempts_.back().end_ms.value_or(now_ms_); }

 private:
  int64_t between(const AttemptRow& attempt, double share) const {
    const int64_t end = attempt.end_ms.value_or(now_ms_);
    return attempt.start_ms + std::llround(share * double(end - attempt.start_ms));
  }

  std::vector<AttemptRow> attempts_;
  const std::vector<StepRow>& steps_;
  int64_t now_ms_;
};

void add_finite(std::vector<Scalar>& scalars, Scalar scalar) {
  if (std::isfinite(scalar.value)) scalars.push_back(std::move(scalar));
}

void add_steps(RunRecord& record, const std::vector<StepRow>& steps, const StepTimes& times) {
  const std::pair<const char*, double StepRow::*> columns[] = {
      {"step/loss", &StepRow::loss}, {"step/learning_rate", &StepRow::learning_rate},
      {"step/h", &StepRow::h},       {"step/r", &StepRow::r},
      {"step/beta", &StepRow::beta}, {"step/c1", &StepRow::c1},
      {"step/c2", &StepRow::c2}};
  for (const StepRow& step : steps) {
    const int64_t time_ms = times.of_step(step.step);
    for (const auto& [name, column] : columns) {
      add_finite(record.scalars, {name, step.step, time_ms, step.*column});
    }
    add_finite(record.scalars, {"step/batch_size", step.step, time_ms, double(step.batch_size)});
  }
}

void add_result(RunRecord& record, const StepTimes& times) {
  const ResultRow& run = record.run;
  if (run.status != "done") return;
  const std::pair<const char*, double> figures[] = {{"result/latency_ms", run.latency_ms},
                                                    {"result/tokens_per_s", run.tokens_per_s},
                                                    {"result/params", double(run.params)},
                                                    {"result/train_s", run.train_s}};
  for (const auto& [name, value] : figures) {
    add_finite(record.scalars, {name, run.epochs, times.end(), value});
  }
}

}  // namespace

std::optional<RunRecord> read_run_record(Database& database, const ResultRow& run, int64_t now_ms) {
  const std::vector<AttemptRow> attempts = read_attempts(database, run.run_id);
  if (attempts.empty()) return std::nullopt;
  RunRecord record{.run = run, .start_ms = attempts.front().start_ms};
  const bool over = run.status == "done" || run.status == "failed" || run.status == "cancelled";
  if (over) record.end_ms = attempts.back().end_ms;
  for (const auto& [key, value] : flat_keys(Json::parse(run.config))) {
    record.settings.emplace_back(key, value);
  }
  const std::vector<StepRow> steps = read_steps(database, run.run_id);
  const StepTimes times(attempts, steps, now_ms);
  add_steps(record, steps, times);
  for (const MetricRow& metric : read_metrics(database, run.run_id)) {
    // What the best epoch's model did on the test split was measured after the last epoch.
    const bool last = metric.split == "test";
    const int64_t time_ms = last ? times.end() : times.of_epoch(metric.epoch, run.epochs);
    add_finite(record.scalars,
               {metric.split + "/" + metric.name, metric.epoch, time_ms, metric.value});
  }
  add_result(record, times);
  std::ranges::stable_sort(record.scalars, {}, &Scalar::name);
  return record;
}

}  // namespace seqsweep
