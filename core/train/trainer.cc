#include "core/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/train/evaluation.h"

namespace seqsweep {
namespace {

constexpr int64_t kNoStep = std::numeric_limits<int64_t>::max();
constexpr int64_t kCheapSaves = 20;  // At an epoch's end: saving may take 1/20 of the time.

// Waits for the device.
double mean_loss(const torch::Tensor& loss_and_targets) {
  const torch::Tensor host = loss_and_targets.to(torch::kCPU, torch::kFloat64);
  return host[0].item<double>() / std::max(host[1].item<double>(), 1.0);
}

}  // namespace

void give_way(TrainObserver& observer, const Group& group) {
  while (group.size() == 1 && observer.must_pause() && !observer.stop_requested()) observer.pause();
}

Trainer::Trainer(const TrainerParts& parts, const TrainerSettings& settings)
    : parts_(parts),
      settings_(settings),
      gradient_sum_(parts.task, parts.parameters, parts.group, parts.clock),
      early_stopping_(settings.train.patience),
      best_(parts.parameters.values().clone()),
      epoch_loss_(torch::zeros({2}, best_.options().dtype(torch::kFloat64))),
      first_bad_step_(torch::full({}, kNoStep, best_.options().dtype(torch::kInt64))) {}

Outcome Trainer::run() {
  resume();
  try {
    return train();
  } catch (const Error& error) {
    if (error.fault() == Fault::World) save_as_survivor();
    throw;
  }
}

Outcome Trainer::train() {
  if (settings_.validate_first && position_.step == 0) tell_validation();
  while (!done() && begin_epoch()) {
    while (position_.microbatch < position_.microbatches) {
      const Request request = agreed_request();
      if (request != Request::None) save();
      if (request == Request::Stop) return Outcome::Preempted;
      step();
    }
    end_epoch();
  }
  if (!early_stopping_.began()) validate();  // Nothing was trained: that is validated.
  save();
  parts_.parameters.values().copy_(best_);
  parts_.task.module().eval();
  return Outcome::Finished;
}

bool Trainer::done() const {
  return position_.epoch >= settings_.train.epochs || early_stopping_.exhausted();
}

bool Trainer::begin_epoch() {
  epoch_began_ms_ = worked_ms();
  const auto epoch = static_cast<uint64_t>(position_.epoch);
  examples_.resize(static_cast<size_t>(parts_.task.begin_epoch(position_.epoch)));
  std::iota(examples_.begin(), examples_.end(), 0);
  Rng rng(seed_of(settings_.seed, epoch));
  shuffle(std::span(examples_), rng);
  const auto count = static_cast<int64_t>(examples_.size());
  position_.microbatches = (count + settings_.train.batch_size - 1) / settings_.train.batch_size;
  parts_.task.module().train();
  if (count == 0) train_s_ = train_s();  // Of a model that is fitted.
  return count > 0;
}

void Trainer::step() {
  const int64_t count = std::min(parts_.schedule.microbatches(position_),
                                 position_.microbatches - position_.microbatch);
  std::vector<Microbatch> step;
  int64_t batch_size = 0;
  for (int64_t i = 0; i < count; ++i) {
    step.push_back(microbatch(position_.microbatch + i));
    batch_size += std::ssize(step.back().examples);
  }
  mean_gradient(step);
  const torch::Tensor loss_and_targets = parts_.parameters.loss_and_targets().clone();
  between_steps_ = false;
  parts_.optimizer.step(count);
  if (parts_.optimizer.looks_again()) {
    mean_gradient(step);
    parts_.optimizer.look_again();
  }
  position_.microbatch += count;
  ++position_.step;
  const bool observed = parts_.schedule.observes();
  const bool told = observed || log_due();  // What was observed is on the host already.
  const StepReport report = told ? parts_.optimizer.report() : StepReport{};
  if (observed) parts_.schedule.observe(report, batch_size);

  // ---- training ends here; below is only observation ----
  epoch_loss_ += loss_and_targets;
  first_bad_step_ = torch::where(torch::isfinite(loss_and_targets[0]), first_bad_step_,
                                 first_bad_step_.clamp_max(position_.step));
  between_steps_ = true;
  if (told) tell_step(loss_and_targets, report, count, batch_size);
  tell_progress();
}

void Trainer::mean_gradient(std::span<const Microbatch> step) {
  gradient_sum_.compute(step);
  const torch::Tensor targets = parts_.parameters.loss_and_targets()[1];
  parts_.parameters.gradients().div_(targets.clamp_min(1));  // Exact for uneven counts.
  clip_gradients();
}

void Trainer::end_epoch() {
  require_finite();
  between_steps_ = false;
  train_s_ = train_s();
  ++position_.epoch;
  position_.microbatch = 0;
  parts_.schedule.end_epoch();
  tell_metric("train", "loss", mean_loss(epoch_loss_));
  epoch_loss_.zero_();
  const bool last = position_.epoch == settings_.train.epochs;
  if (last || position_.epoch % settings_.train.evaluate_every == 0) validate();
  epoch_began_ms_ = worked_ms();
  between_steps_ = true;
}

double Trainer::tell_validation() {
  const std::vector<int32_t> ranks = rank_all_users({.task = parts_.task,
                                                     .group = parts_.group,
                                                     .users = settings_.users,
                                                     .batch_size = settings_.evaluate.batch_size,
                                                     .after_batch =
                                                         [this] {
                                                           tell_progress();
                                                           give_way(parts_.observer, parts_.group);
                                                         }},
                                                    Split::Validation);
  const std::vector<Metric> metrics =
      metrics_of(parts_.task, Split::Validation, ranks, settings_.evaluate.cutoffs);
  for (const Metric& metric : metrics) tell_metric("validation", metric.name, metric.value);
  const std::string steering = fmt::format("ndcg@{}", settings_.evaluate.cutoffs.at(0));
  const auto score = std::find_if(metrics.begin(), metrics.end(),
                                  [&](const Metric& metric) { return metric.name == steering; });
  return score->value;
}

// Of the averaged parameters where the optimizer keeps them.
void Trainer::validate() {
  require_finite();
  torch::Tensor& values = parts_.parameters.values();
  const torch::Tensor averaged = parts_.optimizer.averaged();
  const torch::Tensor current = averaged.defined() ? values.clone() : torch::Tensor();
  if (averaged.defined()) values.copy_(averaged);
  if (early_stopping_.observe(position_.epoch, tell_validation())) best_.copy_(values);
  if (averaged.defined()) values.copy_(current);
}

Microbatch Trainer::microbatch(int64_t index) const {
  const auto size = static_cast<size_t>(settings_.train.batch_size);
  const size_t begin = static_cast<size_t>(index) * size;
  return {std::span(examples_).subspan(begin, std::min(size, examples_.size() - begin)),
          seed_of(settings_.seed, position_.epoch, index)};
}

// The host does not wait for the norm.
void Trainer::clip_gradients() {
  if (settings_.train.grad_norm_max == 0) return;
  torch::Tensor& gradients = parts_.parameters.gradients();
  gradients.mul_((settings_.train.grad_norm_max / gradients.norm()).clamp_max(1));
}

// One small message a step: what each rank wants, and how fast it was. All pause together, and ask
// each other again and again: none waits for a sum without a sign of life.
Trainer::Request Trainer::agreed_request() {
  for (;; parts_.observer.pause()) {
    double wishes[] = {parts_.observer.stop_requested() ? 1.0 : 0.0, checkpoint_due() ? 1.0 : 0.0,
                       parts_.observer.must_pause() ? 1.0 : 0.0,
                       parts_.observer.goes_on_elsewhere() ? 1.0 : 0.0};
    gradient_sum_.agree(wishes);
    if (wishes[3] > 0) throw_run("training: the run goes on elsewhere: another attempt has begun");
    if (wishes[0] > 0) return Request::Stop;
    if (wishes[2] == 0) return wishes[1] > 0 ? Request::Checkpoint : Request::None;
  }
}

// The clock of the rank that saves decides.
bool Trainer::checkpoint_due() const {
  if (parts_.group.rank() != 0 || position_.step == saved_step_) return false;
  const auto longest_ms = static_cast<int64_t>(settings_.train.checkpoint_s * 1000);
  const bool epoch_ended = position_.microbatch == 0;
  const int64_t wait_ms =
      epoch_ended ? std::min(longest_ms, kCheapSaves * save_cost_ms_) : longest_ms;
  return parts_.clock.monotonic_ms() - saved_ms_ >= wait_ms;
}

bool Trainer::log_due() const {
  return position_.step % settings_.train.log_every == 0;
}

// So that a broken state never becomes a checkpoint or a metric. Waits for the device.
void Trainer::require_finite() const {
  const auto bad_step = first_bad_step_.item<int64_t>();
  if (bad_step != kNoStep) {
    throw Error(Fault::Run,
                fmt::format("training: the loss of step {} is not finite; a smaller learning rate "
                            "or train.grad_norm_max may help",
                            bad_step),
                "nan");
  }
  if (!parts_.parameters.values().isfinite().all().item<bool>()) {
    throw Error(Fault::Run,
                fmt::format("training: parameters are not finite after step {}; a smaller "
                            "learning rate or train.grad_norm_max may help",
                            position_.step),
                "nan");
  }
}

double Trainer::epoch_position() const {
  const double within = static_cast<double>(position_.microbatch) /
                        static_cast<double>(std::max<int64_t>(position_.microbatches, 1));
  return static_cast<double>(position_.epoch) + within;
}

int64_t Trainer::worked_ms() const {
  return parts_.clock.monotonic_ms() - parts_.observer.paused_ms();
}

double Trainer::train_s() const {
  const int64_t epoch_ms = worked_ms() - epoch_began_ms_;
  return train_s_ + static_cast<double>(epoch_ms) / 1000;
}

TrainSummary Trainer::summary() const {
  return {.steps = position_.step,
          .epochs = position_.epoch,
          .best_epoch = early_stopping_.best_epoch(),
          .train_s = train_s_};
}

void Trainer::tell_progress() const {
  const double here = epoch_position(), gone = here - attempt_began_at_;
  const auto all = static_cast<double>(settings_.train.epochs);
  const auto attempt_ms = static_cast<double>(worked_ms() - attempt_began_ms_);
  parts_.observer.on_progress(
      {.step = position_.step,
       .epoch = position_.epoch,
       .epochs = settings_.train.epochs,
       .fraction = all > 0 ? here / all : 1,
       .seconds_left = gone > 0 ? attempt_ms / 1000 * (all - here) / gone : 0});
}

void Trainer::tell_step(const torch::Tensor& loss_and_targets, const StepReport& report,
                        int64_t microbatches, int64_t batch_size) {
  const double loss = mean_loss(loss_and_targets);
  if (log_due() || !std::isfinite(loss)) require_finite();  // Which reads all parameters.
  const ScheduleReport schedule = parts_.schedule.report();
  steps_.push_back({.step = position_.step,
                    .epoch_position = epoch_position(),
                    .loss = loss,
                    .batch_size = batch_size,
                    .microbatches = microbatches,
                    .h = report.h,
                    .r = report.r,
                    .beta = report.beta,
                    .c1 = schedule.c1,
                    .c2 = schedule.c2,
                    .learning_rate = report.learning_rate});
  parts_.observer.on_step(steps_.back());
}

void Trainer::tell_metric(const char* split, const std::string& name, double value) {
  metrics_.push_back({position_.epoch, split, name, value});
  parts_.observer.on_metric(metrics_.back());
}

}  // namespace seqsweep
