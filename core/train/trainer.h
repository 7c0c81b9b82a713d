// The one training loop: any Task, Optimizer, BatchSchedule and Group. A step is some microbatches
// of B_0 examples, divided among the ranks; all ranks then make the same update from the same bits.
// A run stopped at any step and resumed gives, on a CPU, the same bits as an undisturbed one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/comm/group.h"
#include "core/protocol/message.h"
#include "core/protocol/run_config.h"
#include "core/train/batch_schedule.h"
#include "core/train/checkpoint.h"
#include "core/train/early_stopping.h"
#include "core/train/gradient_sum.h"
#include "core/train/optimizer.h"
#include "core/train/parameters.h"
#include "core/train/task.h"

namespace seqsweep {

enum class Outcome { Finished, Preempted };

struct TrainProgress {
  int64_t step = 0;
  int64_t epoch = 0, epochs = 0;  // Done, and most.
  double fraction = 0;            // Of all epochs; early stopping may end training sooner.
  double seconds_left = 0;        // At the pace of this attempt.
};

// Sees training go, on every rank. After a resume, what a lost attempt may have told is told again:
// rows are the same under the same step or epoch.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual bool stop_requested() = 0;  // Asked before every step; must not block.
  virtual void on_progress(const TrainProgress& progress) = 0;  // After every step; must be quick.
  virtual void on_metric(const MetricRow& row) = 0;             // "train" and "validation".
  // Every log_every steps, and every one that the batch schedule observes.
  virtual void on_step(const StepRow& row) = 0;

  // Another attempt at the run has begun, so this one saves nothing any more. Asked before every
  // step; must not block.
  virtual bool goes_on_elsewhere() { return false; }

  // Whether this rank's host is to be left to someone else. Asked before every step, and all ranks
  // of the group pause while it says yes on one; else it must not block.
  virtual bool must_pause() { return false; }
  virtual void pause() {}                          // A moment, with a sign of life.
  virtual int64_t paused_ms() const { return 0; }  // In all; no training time.
};

// Waits while must_pause(), unless it is stopped; for work between steps. Not in a group of several
// ranks: the others would wait without a sign of life.
void give_way(TrainObserver& observer, const Group& group);

// What a trainer works with; all of it must outlive the trainer.
struct TrainerParts {
  Task& task;
  Parameters& parameters;  // Of the task's module.
  Optimizer& optimizer;    // Of these parameters.
  BatchSchedule& schedule;
  Group& group;
  const CheckpointStore& checkpoints;
  TrainObserver& observer;
  const Clock& clock;
};

struct TrainerSettings {
  TrainConfig train;
  EvaluateConfig evaluate;
  uint64_t seed = 1;
  int64_t users = 0;     // Of the data set.
  std::string identity;  // Of the run: a checkpoint of another one is an error.
  // Tells what the parameters are worth before the first step; early stopping does not count it.
  bool validate_first = false;
};

struct TrainSummary {
  int64_t steps = 0, epochs = 0;  // Done.
  int64_t best_epoch = 0;         // Epochs done when validation was best.
  double train_s = 0;             // Without validation and pauses; over all attempts.
};

class Trainer {
 public:
  Trainer(const TrainerParts& parts, const TrainerSettings& settings);

  // Trains from the newest intact checkpoint to the end and leaves the best parameters in place, or
  // to a stop request and a checkpoint. Collective. Throws Error: Fault::Run with cause "nan" when
  // the loss or the parameters are not finite; Fault::World when another rank left, and then what
  // was reached is a checkpoint, so that no step is lost.
  Outcome run();
  TrainSummary summary() const;

 private:
  enum class Request { None, Checkpoint, Stop };

  Outcome train();
  bool done() const;
  bool begin_epoch();  // False when there is nothing to train.
  void step();
  void mean_gradient(std::span<const Microbatch> step);  // Over the group, clipped.
  void end_epoch();
  void validate();
  double tell_validation();  // Returns what steers early stopping.

  Microbatch microbatch(int64_t index) const;
  void clip_gradients();
  Request agreed_request();  // Collective.
  bool checkpoint_due() const;
  bool log_due() const;
  void require_finite() const;
  double epoch_position() const;
  int64_t worked_ms() const;  // A clock that stands still in pauses.
  double train_s() const;
  void tell_progress() const;
  void tell_step(const torch::Tensor& loss_and_targets, const StepReport& report,
                 int64_t microbatches, int64_t batch_size);
  void tell_metric(const char* split, const std::string& name, double value);

  // trainer_state.cc
  void save();
  void write_checkpoint();
  void save_as_survivor();
  void resume();
  std::optional<Checkpoint> agreed_checkpoint() const;
  NamedTensors state();  // References to the tensors that a checkpoint holds.
  Json scalars() const;
  void restore(const Checkpoint& checkpoint);

  TrainerParts parts_;
  TrainerSettings settings_;
  GradientSum gradient_sum_;

  // What a checkpoint holds, with the parameters and the states of optimizer and schedule.
  TrainPosition position_;
  EarlyStopping early_stopping_;
  torch::Tensor best_;              // [P]: the parameters at the best validation.
  torch::Tensor epoch_loss_;        // [2], float64: loss and targets of this epoch so far.
  std::vector<StepRow> steps_;      // Told so far.
  std::vector<MetricRow> metrics_;  // Likewise.
  double train_s_ = 0;              // Before epoch_began_ms_.

  std::vector<int64_t> examples_;  // Of this epoch, shuffled.
  torch::Tensor first_bad_step_;   // On the device: the first one whose loss was not finite.
  bool between_steps_ = true;      // All that a checkpoint holds is of one step.
  int64_t saved_step_ = 0;         // A start needs no checkpoint.
  int64_t saved_ms_ = 0, save_cost_ms_ = 0;
  int64_t epoch_began_ms_ = 0, attempt_began_ms_ = 0;  // Of worked_ms().
  double attempt_began_at_ = 0;                        // Epoch position.
};

}  // namespace seqsweep
