// A Task is what the training loop trains: a model with its data and its objective. A SASRec, a
// GPT4Rec and an ORPO job are all Tasks, so that every optimizer, batch schedule, checkpoint and
// fault path works for all of them.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/best_list.h"
#include "core/data/dataset.h"

namespace seqsweep {

// Of one microbatch: the sum of the losses of its targets (a scalar with gradient) and their
// number.
struct LossSum {
  torch::Tensor sum;
  int64_t count = 0;
};

using Recommendation = ScoredItem;

constexpr int32_t kNotRecommended = -1;

// How the name of a buffer begins that an objective keeps in its model, to be saved with it. A run
// that starts from the model with another objective does without.
constexpr const char* kTaskBuffer = "task_";

// Whether a list may have items of the history it is for. The protocol of evaluation and latency
// lists them.
enum class Seen { Listed, LeftOut };

// One user whose items come one after the other.
class Session {
 public:
  virtual ~Session() = default;
  virtual void add(int32_t item) = 0;
  // The best `count` items after all items added so far; at least one must have been.
  virtual std::vector<Recommendation> recommend(int64_t count, Seen seen) = 0;
};

class Task {
 public:
  virtual ~Task() = default;

  // Holds what is trained and checkpointed: its parameters that require a gradient.
  virtual torch::nn::Module& module() = 0;
  virtual int64_t embedding_parameters()
      const = 0;  // Of the parameters, those in embedding tables.

  // Draws the examples of an epoch (from 0) and returns how many there are. The same for the same
  // run seed, on every rank. 0: nothing is trained by gradients; a model that learns otherwise has
  // done so.
  virtual int64_t begin_epoch(int64_t epoch) = 0;

  // Examples of the current epoch, by index. Dropout and sampling draw from `seed` alone, so that
  // it does not matter which rank computes a microbatch. The module is in training mode.
  virtual LossSum loss(std::span<const int64_t> examples, uint64_t seed) = 0;

  // Rank of each user's target among all items, from 0: the number of other items that score at
  // least as high (ties count against the model; NaN scores throw). kNotRecommended where a model
  // gives lists that lack it. The module is in evaluation mode.
  virtual std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) = 0;
  // Places of the lists that target_ranks goes by: what lies behind them is not recommended.
  virtual int64_t list_length() const { return std::numeric_limits<int64_t>::max(); }

  // The best `count` items for each history, best first; fewer where there are fewer. What a server
  // would call: from item ids to item ids, host to host.
  virtual std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                             int64_t count, Seen seen) = 0;

  // The item that recommend() lists last of those that `allowed` says of the catalogue's (not 0)
  // and that are in neither a history nor its `barred`; kNotRecommended where there is none.
  virtual std::vector<int32_t> worst(std::span<const History> histories,
                                     std::span<const History> barred,
                                     std::span<const char> allowed);

  // Further figures of a split that the objective knows, by name, given all users' target_ranks;
  // the same on every rank. The module is in evaluation mode.
  virtual std::map<std::string, double> more_metrics(Split, std::span<const int32_t>) { return {}; }

  // Writes data that the objective made, for people and other programs, into the run's folder.
  virtual void write_data(const std::filesystem::path&) {}

  // Of a language model: how many tokens recommend() read and wrote until now; 0: it is none.
  virtual int64_t tokens() const { return 0; }

  // Follows a user from the first item on. A recurrent model carries its state, so that an item
  // costs the same however long the history is, and sees all of it; another one reads the history
  // again. The task must outlive the session and its module be in evaluation mode.
  virtual std::unique_ptr<Session> follow();
};

}  // namespace seqsweep
