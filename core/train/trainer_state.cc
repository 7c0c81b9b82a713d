// The trainer's checkpoints: what is saved, and how the ranks agree on where to resume.
#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/train/trainer.h"

namespace seqsweep {
namespace {

constexpr const char* kStepRows = "trainer.steps";

// The columns of a saved step row.
constexpr std::array<double StepRow::*, 8> kRowFigures = {
    &StepRow::epoch_position, &StepRow::loss, &StepRow::h,  &StepRow::r,
    &StepRow::beta,           &StepRow::c1,   &StepRow::c2, &StepRow::learning_rate};
constexpr int64_t kRowWidth = 3 + std::ssize(kRowFigures);

torch::Tensor as_tensor(const std::vector<StepRow>& rows) {
  torch::Tensor table = torch::empty({std::ssize(rows), kRowWidth}, torch::kFloat64);
  double* out = table.data_ptr<double>();
  for (const StepRow& row : rows) {
    *out++ = static_cast<double>(row.step);
    *out++ = static_cast<double>(row.batch_size);
    *out++ = static_cast<double>(row.microbatches);
    for (const auto figure : kRowFigures) *out++ = row.*figure;
  }
  return table;
}

std::vector<StepRow> as_rows(const torch::Tensor& table) {
  const torch::Tensor values = table.to(torch::kFloat64).reshape({-1, kRowWidth}).contiguous();
  const double* in = values.data_ptr<double>();
  std::vector<StepRow> rows(static_cast<size_t>(values.size(0)));
  for (StepRow& row : rows) {
    row.step = static_cast<int64_t>(*in++);
    row.batch_size = static_cast<int64_t>(*in++);
    row.microbatches = static_cast<int64_t>(*in++);
    for (const auto figure : kRowFigures) row.*figure = *in++;
  }
  return rows;
}

void append(NamedTensors& all, const std::string& prefix, const NamedTensors& more) {
  for (const auto& [name, tensor] : more) all.emplace_back(prefix + name, tensor);
}

// One tensor a parameter, as views of a flat one.
NamedTensors by_name(const torch::Tensor& flat, const std::vector<ParameterSlice>& slices) {
  NamedTensors tensors;
  for (const ParameterSlice& slice : slices) {
    tensors.emplace_back(slice.name, flat.narrow(0, slice.begin, slice.size).view(slice.shape));
  }
  return tensors;
}

}  // namespace

NamedTensors Trainer::state() {
  NamedTensors all;
  append(all, "model.", by_name(parts_.parameters.values(), parts_.parameters.slices()));
  append(all, "best.", by_name(best_, parts_.parameters.slices()));
  append(all, "optimizer.", parts_.optimizer.state());
  all.emplace_back("trainer.epoch_loss", epoch_loss_);
  return all;
}

Json Trainer::scalars() const {
  Json metrics = Json::array();
  for (const MetricRow& row : metrics_) {
    metrics.push_back({row.epoch, row.split, row.name, row.value});
  }
  return {{"identity", settings_.identity},
          {"epoch", position_.epoch},
          {"microbatch", position_.microbatch},
          {"microbatches", position_.microbatches},
          {"schedule", parts_.schedule.state()},
          {"early_stopping", early_stopping_.state()},
          {"metrics", metrics},
          {"train_s", train_s()}};
}

void Trainer::save() {
  if (position_.step == saved_step_) return;
  require_finite();
  parts_.group.require_whole();
  saved_step_ = position_.step;
  saved_ms_ = parts_.clock.monotonic_ms();
  if (parts_.group.rank() == 0) write_checkpoint();
}

void Trainer::write_checkpoint() {
  Checkpoint checkpoint{.step = position_.step, .tensors = state(), .scalars = scalars()};
  checkpoint.tensors.emplace_back(kStepRows, as_tensor(steps_));
  parts_.checkpoints.save(checkpoint);
  save_cost_ms_ = parts_.clock.monotonic_ms() - saved_ms_;
}

// By two ranks, since the first one may be the one that is gone; both write the same. A loss within
// a validation or the second look of a step goes back to the last checkpoint.
void Trainer::save_as_survivor() {
  constexpr int kSavers = 2;
  const bool alone = parts_.group.size() == 1;
  if (alone || parts_.group.rank() >= kSavers) return;
  if (!between_steps_ || position_.step == saved_step_) return;
  try {
    require_finite();
    parts_.group.require_whole();
    saved_ms_ = parts_.clock.monotonic_ms();
    write_checkpoint();
  } catch (const std::exception& error) {
    log_warning("the step that was reached could not be saved: {}", error.what());
  }
}

void Trainer::resume() {
  parts_.group.broadcast(parts_.parameters.values(), 0);  // Whatever each rank's machine drew.
  if (const auto checkpoint = agreed_checkpoint()) restore(*checkpoint);
  attempt_began_at_ = epoch_position();
  saved_ms_ = parts_.clock.monotonic_ms();
  attempt_began_ms_ = epoch_began_ms_ = worked_ms();
  tell_progress();
}

// The rank that saves decides which; the others read the same one.
std::optional<Checkpoint> Trainer::agreed_checkpoint() const {
  const bool decides = parts_.group.rank() == 0;
  std::optional<Checkpoint> checkpoint;
  if (decides) checkpoint = parts_.checkpoints.load_newest();
  torch::Tensor step =
      torch::full({1}, checkpoint ? checkpoint->step : -1, best_.options().dtype(torch::kInt64));
  parts_.group.broadcast(step, 0);
  if (decides || step.item<int64_t>() < 0) return checkpoint;
  return parts_.checkpoints.load(step.item<int64_t>());
}

void Trainer::restore(const Checkpoint& checkpoint) {
  const std::string who = fmt::format("{}: checkpoint of step {}",
                                      parts_.checkpoints.folder().string(), checkpoint.step);
  const Json& scalars = checkpoint.scalars;
  const std::string identity = scalars.at("identity");
  if (identity != settings_.identity) {
    throw_input("{} belongs to the run '{}', this one is '{}'; use another folder or remove it",
                who, identity, settings_.identity);
  }
  NamedTensors tensors = checkpoint.tensors;
  const auto rows = std::find_if(tensors.begin(), tensors.end(),
                                 [](const auto& tensor) { return tensor.first == kStepRows; });
  if (rows == tensors.end()) throw_input("{}: has no tensor '{}'", who, kStepRows);
  steps_ = as_rows(rows->second);
  tensors.erase(rows);
  copy_tensors(tensors, state(), who);

  position_ = {.step = checkpoint.step,
               .epoch = scalars.at("epoch"),
               .microbatch = scalars.at("microbatch"),
               .microbatches = scalars.at("microbatches")};
  parts_.schedule.restore(scalars.at("schedule"));
  early_stopping_.restore(scalars.at("early_stopping"));
  for (const Json& row : scalars.at("metrics"))
    metrics_.push_back({row[0], row[1], row[2], row[3]});
  train_s_ = scalars.at("train_s");
  saved_step_ = position_.step;
  log_info("resuming at step {} (epoch {})", position_.step, position_.epoch);
  for (const StepRow& row : steps_) parts_.observer.on_step(row);
  for (const MetricRow& row : metrics_) parts_.observer.on_metric(row);
}

}  // namespace seqsweep
