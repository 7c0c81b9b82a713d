#include "coordinator/progress.h"

#include <algorithm>
#include <numeric>

#include "core/base/log.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr int64_t kShowEveryMs = 200;
constexpr int64_t kTellEveryMs = 5000;
constexpr int64_t kTellSweepEveryMs = 30'000;
constexpr size_t kBarWidth = 20;

std::string bar(double fraction) {
  const auto filled = static_cast<size_t>(std::clamp(fraction, 0.0, 1.0) * kBarWidth);
  std::string text(filled, '=');
  if (filled < kBarWidth) text += '>';
  text.resize(kBarWidth, ' ');
  return "[" + text + "]";
}

double fraction_of(const SweepState& state) {
  if (state.total == 0) return 1;
  auto ended = static_cast<double>(state.done + state.failed);
  for (const Attempt* attempt : state.running)
    ended += std::clamp(attempt->last.fraction, 0.0, 1.0);
  return ended / static_cast<double>(state.total);
}

std::string doing(const Attempt& attempt) {
  const Progress& last = attempt.last;
  if (last.phase == "train" && last.epochs > 0) {
    return fmt::format("{}: epoch {}/{}", attempt.label, std::min(last.epoch + 1, last.epochs),
                       last.epochs);
  }
  return last.phase.empty() ? attempt.label : fmt::format("{}: {}", attempt.label, last.phase);
}

std::string counts_text(const SweepState& state) {
  std::string text = fmt::format("{}/{} done", state.done, state.total);
  if (state.failed > 0) text += fmt::format(", {} failed", state.failed);
  text += fmt::format(", {} running", state.running.size());
  if (!state.note.empty()) text += ", " + state.note;
  return text;
}

std::string left_text(const SweepState& state) {
  return state.seconds_left ? fmt::format(" | {} left", human_duration(*state.seconds_left)) : "";
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The latest validation of several that were told at once.
std::vector<MetricRow> latest_validation(const std::vector<MetricRow>& metrics) {
  std::vector<MetricRow> rows;
  for (const MetricRow& row : metrics) {
    if (row.split != "validation") continue;
    if (!rows.empty() && row.epoch > rows.front().epoch) rows.clear();
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

std::optional<double> seconds_left(const std::vector<const Attempt*>& running,
                                   const WaitingWork& waiting, int64_t workers, int64_t now_ms) {
  std::vector<double> lefts, totals;
  for (const Attempt* attempt : running) {
    if (attempt->last.fraction <= 0) continue;
    const double left_s =
        std::max(0.0, attempt->last.seconds_left - double(now_ms - attempt->renewed_ms) / 1000);
    lefts.push_back(left_s);
    totals.push_back(double(now_ms - attempt->started_ms) / 1000 + left_s);
  }
  const bool estimated = waiting.seconds && waiting.runs > 0;
  if (!estimated && totals.empty()) return std::nullopt;
  const double typical_s =
      estimated ? *waiting.seconds / static_cast<double>(waiting.runs) : mean(totals);
  double work_s = typical_s * static_cast<double>(waiting.runs);
  for (const double left_s : lefts) work_s += left_s;
  for (size_t i = lefts.size(); i < running.size(); ++i) work_s += typical_s;
  const double longest_s = lefts.empty() ? 0 : *std::max_element(lefts.begin(), lefts.end());
  return std::max(longest_s, work_s / static_cast<double>(std::max<int64_t>(workers, 1)));
}

std::string status_line(const SweepState& state, size_t width) {
  std::string line = bar(fraction_of(state)) + " " + counts_text(state);
  const std::string tail = left_text(state);
  if (!state.running.empty()) {
    // The one nearest to its end: it changes least often.
    const auto nearest_end = std::max_element(
        state.running.begin(), state.running.end(),
        [](const Attempt* a, const Attempt* b) { return a->last.fraction < b->last.fraction; });
    const size_t used = line.size() + tail.size() + 2;
    if (used < width) line += "  " + doing(**nearest_end).substr(0, width - used);
  }
  line += tail;
  return line.substr(0, width);
}

std::string metrics_text(const std::vector<MetricRow>& metrics, const std::string& split) {
  std::vector<std::string> parts;
  for (const MetricRow& metric : metrics) {
    if (metric.split == split) parts.push_back(fmt::format("{} {:.4f}", metric.name, metric.value));
  }
  return join(parts, ", ");
}

bool ProgressView::due(int64_t now_ms) {
  if (shown_ms_ != 0 && now_ms - shown_ms_ < kShowEveryMs) return false;
  shown_ms_ = now_ms;
  return true;
}

void ProgressView::show(const SweepState& state) {
  if (width_ > 0) return set_log_status(status_line(state, width_));
  if (!told_sweep_ms_) told_sweep_ms_ = shown_ms_;
  if (shown_ms_ - *told_sweep_ms_ < kTellSweepEveryMs) return;
  told_sweep_ms_ = shown_ms_;
  log_info("{}{}", counts_text(state), left_text(state));
}

void ProgressView::hide() {
  set_log_status("");
}

void ProgressView::started(const Attempt& attempt, const std::string& host) {
  const int64_t again = attempt.ticket.attempt;
  log_info("{}: started on rank{} {} ({}){}", attempt.label, attempt.members.size() > 1 ? "s" : "",
           fmt::join(attempt.members, ", "), host,
           again > 1 ? fmt::format(", attempt {}", again) : "");
}

void ProgressView::told(const Attempt& attempt, const Progress& news, int64_t now_ms) {
  const std::vector<MetricRow> rows = latest_validation(news.metrics);
  if (rows.empty()) return;
  const auto [last_ms, is_first] = told_ms_.emplace(attempt.ticket.run_id, now_ms);
  if (!is_first && now_ms - last_ms->second < kTellEveryMs) return;
  last_ms->second = now_ms;
  log_info("{}: epoch {}/{}, validation {}", attempt.label, rows.front().epoch, news.epochs,
           metrics_text(rows, "validation"));
}

void ProgressView::finished(const Attempt& attempt, const RunResult& result, int64_t now_ms) {
  told_ms_.erase(attempt.ticket.run_id);
  std::string text = metrics_text(result.metrics, "test");
  if (!result.latency.empty()) {
    text += fmt::format("{}latency {:.3f} ms [{:.3f}, {:.3f}]", text.empty() ? "" : ", ",
                        result.latency_ms, result.latency_low_ms, result.latency_high_ms);
  }
  log_info("{}: done in {}, {} epochs: {}", attempt.label,
           human_duration(double(now_ms - attempt.started_ms) / 1000), result.epochs, text);
}

}  // namespace seqsweep
