// How long a run will take and how much memory: what runs of its kind took, else those most like
// it. Else the time is a guess from the sizes of its data and its training (longest-first needs no
// more than the right order), and the memory is not known.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/protocol/run_config.h"

namespace seqsweep {

struct DatasetSize {
  int64_t users = 0, interactions = 0;
};
using DatasetSizes = std::map<std::string, DatasetSize>;  // By resolved data set, as text.

// What an estimate looks at; made once a run.
struct RunKind {
  std::string same;     // The config without its seeds.
  std::string model;    // Its name.
  std::string dataset;  // The resolved data set, as text.
  double prior_s = 0;   // From first principles: epochs, interactions, steps, ranks.
};

struct ExpectedMemory {
  int64_t bytes = 0;      // That each rank holds at most; kWholeDevice: all there is.
  bool is_known = false;  // Measured, of a run of the same kind.
};

std::string device_class(const std::string& device);  // "cuda" of "cuda:0 NVIDIA H200".

class Estimator {
 public:
  explicit Estimator(DatasetSizes sizes = {}) : sizes_(std::move(sizes)) {}

  RunKind kind_of(const RunConfig& config) const;

  // A run took so long, from its first to its last second of attempts. `device` as in
  // RunResult::device: "cpu", "cuda:0 ...".
  void learn(const RunKind& kind, const std::string& device, double seconds);

  // A rank of such a run held so many bytes of the device at most; nothing is learnt from 0.
  void learn_memory(const RunKind& kind, const std::string& device, double bytes);
  // So many were too few, or kWholeDevice: from now on at least this is expected.
  void raise_memory(const RunKind& kind, const std::string& device, int64_t bytes);

  // The most that runs of the same kind held, else those of the same model on the same data set; on
  // this kind of device. Nothing: none was measured.
  std::optional<ExpectedMemory> memory(const RunKind& kind, const std::string& device) const;

  // Of runs of the same kind their mean; else the prior times what runs took in relation to theirs:
  // those of the same model and data set, of the same model, of all. On the same kind of device,
  // else on any.
  double seconds(const RunKind& kind, const std::string& device) const;

  bool knows_any() const { return !means_.empty(); }
  bool knows(const RunKind& kind) const;  // A run of the same kind was seen.

 private:
  struct Mean {
    double sum = 0;
    int64_t count = 0;
    double value() const { return sum / static_cast<double>(count); }
  };
  using Levels = std::array<std::string, 4>;  // Keys from the most to the least alike.
  static Levels levels(const RunKind& kind);

  DatasetSizes sizes_;
  std::map<std::string, Mean> means_;  // By device and level: seconds, or logarithms of ratios.
  std::map<std::string, int64_t> peaks_, raised_;  // By device and level: bytes.
};

}  // namespace seqsweep
