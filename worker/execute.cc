#include "worker/execute.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/comm/device_group.h"
#include "core/train/evaluation.h"
#include "core/train/trainer.h"
#include "worker/build_run.h"
#include "worker/device.h"
#include "worker/kept_memory.h"
#include "worker/latency.h"
#include "worker/model_file.h"

namespace seqsweep {
namespace {

constexpr std::chrono::milliseconds kPause{20};
constexpr uint64_t kLatencySeed = 0x6c6174656e6379;  // "latency": apart from the seeds of epochs.

std::filesystem::path checkpoint_folder(const std::filesystem::path& folder) {
  return folder / "checkpoints";
}

// The fewest threads of a rank: how a sum over parameters is split among threads shows in its last
// bits, and all ranks must have the same ones.
int agreed_threads(int64_t mine, Group& group) {
  std::vector<double> threads(static_cast<size_t>(group.size()));
  threads[static_cast<size_t>(group.rank())] =
      mine > 0 ? static_cast<double>(mine) : torch::get_num_threads();
  group.all_reduce_sum(threads);
  return static_cast<int>(*std::min_element(threads.begin(), threads.end()));
}

// Turns what training and evaluation tell into Progress; rows travel with the next sign of life.
class ProgressReport : public TrainObserver {
 public:
  ProgressReport(Reporter& reporter, QuietHost& host) : reporter_(reporter), host_(host) {}

  bool stop_requested() override { return reporter_.stop_requested(); }
  bool goes_on_elsewhere() override { return reporter_.goes_on_elsewhere(); }
  bool must_pause() override { return host_.must_pause(); }
  void pause() override {
    const int64_t began_ms = system_clock().monotonic_ms();
    host_.rest();
    std::this_thread::sleep_for(kPause);
    alive();
    paused_ms_ += system_clock().monotonic_ms() - began_ms;
  }
  int64_t paused_ms() const override { return paused_ms_; }
  void on_step(const StepRow& row) override { progress_.steps.push_back(row); }
  void on_metric(const MetricRow& row) override { progress_.metrics.push_back(row); }
  void on_progress(const TrainProgress& train) override {
    progress_.step = train.step;
    progress_.epoch = train.epoch;
    progress_.epochs = train.epochs;
    progress_.fraction = train.fraction;
    progress_.seconds_left = train.seconds_left;
    alive();
  }
  void announce_phase(const std::string& phase) { progress_.phase = phase; }
  void begin_phase(const std::string& phase) {
    announce_phase(phase);
    alive();
  }
  void alive() {
    ++progress_.signs;
    reporter_.progress(progress_);
    progress_.steps.clear();
    progress_.metrics.clear();
  }

 private:
  Reporter& reporter_;
  QuietHost& host_;
  Progress progress_;
  int64_t paused_ms_ = 0;
};

// Everything of one attempt, in the order of its phases.
class Attempt {
 public:
  Attempt(const RunConfig& config, const ExecuteContext& context, Reporter& reporter)
      : config_(config),
        context_(context),
        host_(context.quiet_file),
        report_(reporter, host_),
        device_(use_device(config.train.device)),
        device_memory_(device_.device),
        device_group_(make_device_group(context.group, device_.device)),
        group_(device_group_ ? *device_group_ : context.group) {}

  std::optional<RunResult> run() {
    report_.begin_phase("prepare");
    give_way_together();
    run_ = build_run(config_,
                     {.data_dir = context_.data_dir, .runs_folder = context_.folder.parent_path()},
                     device_.device, [this] {
                       report_.alive();
                       give_way(report_, group_);
                       return !report_.stop_requested();
                     });
    if (group_.rank() == 0) run_.task->write_data(context_.folder);
    if (train() == Outcome::Preempted || stop_agreed()) return std::nullopt;
    report_.begin_phase("evaluate");
    give_way_together();
    evaluate();
    if (group_.any(report_.goes_on_elsewhere())) {
      throw_run("the run goes on elsewhere: another attempt has begun");
    }
    if (group_.rank() == 0) save_model(context_.folder, config_, *run_.task);
    report_.begin_phase("latency");
    if (config_.latency.samples > 0 && !time_recommendations()) return std::nullopt;
    const ParameterCount parameters = count_parameters(*run_.task);
    result_.params = parameters.all;
    result_.params_no_embedding = parameters.no_embedding;
    result_.peak_memory_bytes = device_memory_.peak_bytes();
    result_.device = device_.text;
    result_.users = run_.data->users();
    result_.items = run_.data->items();
    result_.interactions = run_.data->interactions();
    return std::move(result_);
  }

 private:
  Outcome train() {
    report_.announce_phase("train");  // The step it begins at comes with the trainer's first word.
    Parameters parameters(run_.task->module());
    const auto optimizer = optimizers().make(
        config_.optimizer,
        OptimizerContext{parameters, [this] { return planned_steps(config_, *run_.task); }});
    const auto schedule = batch_schedules().make(
        config_.batch_schedule, BatchScheduleContext{.batch_size = config_.train.batch_size,
                                                     .microbatches = config_.train.microbatches});
    const CheckpointStore checkpoints(checkpoint_folder(context_.folder));
    Trainer trainer({.task = *run_.task,
                     .parameters = parameters,
                     .optimizer = *optimizer,
                     .schedule = *schedule,
                     .group = group_,
                     .checkpoints = checkpoints,
                     .observer = report_,
                     .clock = system_clock()},
                    {.train = config_.train,
                     .evaluate = config_.evaluate,
                     .seed = static_cast<uint64_t>(config_.seed),
                     .users = run_.data->users(),
                     .identity = config_hash(config_.json()),
                     .validate_first = config_.needs.contains(kStartRole)});
    const Outcome outcome = trainer.run();
    const TrainSummary summary = trainer.summary();
    result_.steps = summary.steps;
    result_.epochs = summary.epochs;
    result_.best_epoch = summary.best_epoch;
    result_.train_s = summary.train_s;
    return outcome;
  }

  void evaluate() {
    result_.user_ranks = rank_all_users({.task = *run_.task,
                                         .group = group_,
                                         .users = run_.data->users(),
                                         .batch_size = config_.evaluate.batch_size,
                                         .after_batch =
                                             [this] {
                                               report_.alive();
                                               give_way(report_, group_);
                                             }},
                                        Split::Test);
    for (const auto& [name, value] :
         metrics_of(*run_.task, Split::Test, result_.user_ranks, config_.evaluate.cutoffs)) {
      result_.metrics.push_back({result_.best_epoch, "test", name, value});
    }
  }

  // False when a rank was stopped. The ranks that do not measure wait for the one that does without
  // a hold on their hosts, so that no two runs wait for each other.
  bool time_recommendations() {
    const auto go_on = [this] {
      report_.alive();
      host_.still_measuring();
      if (!config_.latency.alone) give_way(report_, group_);
      return !report_.stop_requested();
    };
    if (!config_.latency.alone) give_way_together();
    if (config_.latency.alone) host_.rest();
    if (config_.latency.alone && group_.rank() == 0) host_.begin_quiet(go_on);
    const auto figures = measure_latency({.task = *run_.task,
                                          .data = *run_.data,
                                          .group = group_,
                                          .config = config_.latency,
                                          .seed = seed_of(config_.seed, kLatencySeed),
                                          .go_on = [&](int64_t) { return go_on(); }});
    const bool alone = group_.any(host_.end_quiet());
    if (!figures) return false;
    result_.metrics.push_back({result_.best_epoch, "test", "latency_alone", alone ? 1.0 : 0.0});
    result_.latency = figures->samples;
    result_.latency_ms = figures->mean_ms;
    result_.latency_low_ms = figures->low_ms;
    result_.latency_high_ms = figures->high_ms;
    result_.tokens_per_s = figures->tokens_per_s;
    return true;
  }

  bool stop_agreed() { return group_.any(report_.stop_requested()); }

  // Before work in which several ranks do not pause.
  void give_way_together() {
    while (group_.any(report_.must_pause()) && !stop_agreed()) report_.pause();
  }

  const KeptMemory memory_;  // First: the run goes before it.
  const RunConfig& config_;
  const ExecuteContext& context_;
  QuietHost host_;
  ProgressReport report_;
  ChosenDevice device_;
  const DeviceMemory device_memory_;
  std::unique_ptr<Group> device_group_;
  Group& group_;
  BuiltRun run_;
  RunResult result_;
};

}  // namespace

std::optional<RunResult> execute(const RunConfig& config, const ExecuteContext& context,
                                 Reporter& reporter) {
  const int64_t threads = config.train.threads > 0 ? config.train.threads : context.threads;
  torch::set_num_threads(agreed_threads(threads, context.group));
  Attempt attempt(config, context, reporter);
  return attempt.run();
}

void remove_checkpoints(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::remove_all(checkpoint_folder(folder), error);
  if (error)
    log_warning("{}: cannot be removed: {}", checkpoint_folder(folder).string(), error.message());
}

}  // namespace seqsweep
