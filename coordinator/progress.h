// What the user sees of a live sweep: one status line at the bottom of a terminal, or now and then
// a line in a log file; and plain lines of what happens.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/roster.h"
#include "core/protocol/message.h"

namespace seqsweep {

struct SweepState {
  int64_t total = 0, done = 0, failed = 0;
  std::vector<const Attempt*> running;
  std::optional<double> seconds_left;  // Of the sweep, when anything is known.
  std::string note;                    // "draining", "disk full", or nothing.
};

struct WaitingWork {
  int64_t runs = 0;
  std::optional<double> seconds;  // Worker time of all; nothing: they can only be guessed at.
};

// Of the sweep: what runs to its end, and what waits shared among the workers. Waiting runs of
// unknown length take as long as the running ones do on average. Nothing when nothing is known.
std::optional<double> seconds_left(const std::vector<const Attempt*>& running,
                                   const WaitingWork& waiting, int64_t workers, int64_t now_ms);

// "[====>     ] 3/12 done, 1 failed, 4 running  ml-100k/sasrec/adam/seed 1: epoch 4/20 | 2 min 10 s
// left", cut to `width` characters.
std::string status_line(const SweepState& state, size_t width);

// "ndcg@10 0.0812, hit@10 0.1463" of one split.
std::string metrics_text(const std::vector<MetricRow>& metrics, const std::string& split);

class ProgressView {
 public:
  explicit ProgressView(size_t width) : width_(width) {}  // Of the terminal; 0: there is none.

  bool due(int64_t now_ms);  // A few times a second.
  void show(const SweepState& state);
  void hide();

  void started(const Attempt& attempt, const std::string& host);
  // Shows validations, but not more than one of a run every few seconds.
  void told(const Attempt& attempt, const Progress& news, int64_t now_ms);
  void finished(const Attempt& attempt, const RunResult& result, int64_t now_ms);

 private:
  size_t width_;
  int64_t shown_ms_ = 0;
  std::optional<int64_t> told_sweep_ms_;
  std::map<std::string, int64_t> told_ms_;  // By run: its last validation line.
};

}  // namespace seqsweep
