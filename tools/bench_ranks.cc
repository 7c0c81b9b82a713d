// Data parallel training on the ranks that mpirun gives, beside one rank: the two take turns.
//   mpirun -n K bench_ranks [MODEL [STEPS]]      measures steps and messages
//   bench_ranks predict MB T_MS M HOP_US GB_S    a model of T_MS a microbatch, M of them a step,
//                                                MB megabytes of gradients, on 1 to 64 ranks
#include <fmt/format.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/comm/mpi_world.h"
#include "core/train/gradient_sum.h"
#include "core/train/optimizer.h"
#include "tools/bench/paired.h"
#include "tools/bench/step_model.h"
#include "worker/build_run.h"

namespace seqsweep {
namespace {

constexpr int64_t kBatch = 32, kMicrobatches = 8;

// A model with its optimizer, trained by one group.
class Training {
 public:
  Training(const std::string& model, Group& group)
      : run_(build_run(config(model),
                       {.data_dir = std::filesystem::temp_directory_path() / "seqsweep_bench"},
                       torch::kCPU)),
        parameters_(run_.task->module()),
        optimizer_(optimizers().make({{"name", "adam"}}, OptimizerContext{parameters_})),
        sum_(*run_.task, parameters_, group, system_clock()) {
    group.broadcast(parameters_.values(), 0);
    run_.task->module().train();
    run_.task->begin_epoch(0);
    examples_.resize(kBatch * kMicrobatches);
    std::iota(examples_.begin(), examples_.end(), 0);
    for (int64_t i = 0; i < kMicrobatches; ++i) {
      step_.push_back({std::span(examples_).subspan(i * kBatch, kBatch), 1});
    }
  }

  // As Trainer does: agree, sum, update.
  void step() {
    double wishes[2] = {};
    sum_.agree(wishes);
    sum_.compute(step_);
    parameters_.gradients().div_(parameters_.loss_and_targets()[1]);
    optimizer_->step(kMicrobatches);
  }
  int64_t bytes() { return static_cast<int64_t>(parameters_.gradients().nbytes()); }

 private:
  static RunConfig config(const std::string& model) {
    RunConfig config;
    config.dataset = {{"name", "synthetic"}, {"users", 2000}, {"items", 3000}};
    config.model = {{"name", model}};
    config.objective = {{"name", "next_item"}};
    return config;
  }

  BuiltRun run_;
  Parameters parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  GradientSum sum_;
  std::vector<int64_t> examples_;
  std::vector<Microbatch> step_;
};

// Waits for the others without taking their cores.
void meet(Group& group) {
  const torch::Tensor one = torch::ones({1});
  const auto sum = group.start_sum(one);
  while (!sum->done()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  sum->wait();
}

double all_reduce_s(Group& group, int64_t bytes) {
  const torch::Tensor x = torch::zeros({bytes / 4});
  std::vector<double> all_s;
  for (int i = 0; i < 50; ++i) all_s.push_back(seconds([&] { group.all_reduce_sum(x); }));
  return median(all_s);
}

int measure(const std::string& model, int steps) {
  const MpiWorld world;
  std::vector<int64_t> everyone(static_cast<size_t>(world.size()));
  std::iota(everyone.begin(), everyone.end(), 0);
  const auto group = make_mpi_group(world, everyone, 1);
  const auto self = make_local_group();
  torch::set_num_threads(1);
  Training alone(model, *self), together(model, *group);

  std::vector<double> alone_s, together_s, ratios;
  for (int i = -10; i < steps; ++i) {  // The first ones warm up and find the division.
    double one_s = 0;
    if (group->rank() == 0) one_s = seconds([&] { alone.step(); });
    meet(*group);
    const double all_s = seconds([&] { together.step(); });
    meet(*group);
    if (i < 0) continue;
    alone_s.push_back(one_s);
    together_s.push_back(all_s);
    ratios.push_back(one_s / all_s);
  }
  const double small_s = all_reduce_s(*group, 8);
  const double large_s = all_reduce_s(*group, together.bytes());
  if (group->rank() != 0) return 0;

  const auto k = static_cast<double>(group->size());
  fmt::print("{}, {} microbatches of {}, 1 thread a rank, {} steps in turns\n\n", model,
             kMicrobatches, kBatch, steps);
  fmt::print("| ranks | step, ms, median | times faster, median of turns | efficiency |\n");
  fmt::print("|---:|---:|---:|---:|\n");
  fmt::print("| 1 | {:.2f} | | |\n", 1e3 * median(alone_s));
  fmt::print("| {} | {:.2f} | {:.2f} | {:.2f} |\n\n", group->size(), 1e3 * median(together_s),
             median(ratios), median(ratios) / k);
  fmt::print("all-reduce of 8 bytes {:.1f} us, of the {:.2f} MB of gradients {:.2f} ms\n",
             1e6 * small_s, 1e-6 * static_cast<double>(together.bytes()), 1e3 * large_s);
  return 0;
}

int predict(const StepModel& model) {
  fmt::print(
      "{} microbatches of {:.1f} ms, {:.1f} MB of gradients, {:.1f} us a hop, {:.0f} GB/s\n\n",
      model.microbatches, 1e3 * model.microbatch_s, 1e-6 * model.bytes, 1e6 * model.hop_s,
      1e-9 * model.bytes_a_second);
  fmt::print("| ranks | all-reduce, ms | step, ms | efficiency |\n|---:|---:|---:|---:|\n");
  for (int64_t ranks = 1; ranks <= 64; ranks *= 2) {
    fmt::print("| {} | {:.3f} | {:.2f} | {:.2f} |\n", ranks,
               1e3 * model.all_reduce_s(model.bytes, ranks), 1e3 * model.step_s(ranks),
               model.efficiency(ranks));
  }
  return 0;
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 6 && words[0] == "predict") {
    return predict({.microbatch_s = 1e-3 * std::stod(words[2]),
                    .microbatches = std::stoll(words[3]),
                    .bytes = 1e6 * std::stod(words[1]),
                    .hop_s = 1e-6 * std::stod(words[4]),
                    .bytes_a_second = 1e9 * std::stod(words[5])});
  }
  if (words.size() > 2 || !started_by_mpirun()) {
    throw_input("usage: mpirun -n K bench_ranks [MODEL [STEPS]], or bench_ranks predict ...");
  }
  return measure(words.empty() ? "sasrec" : words[0], words.size() < 2 ? 60 : std::stoi(words[1]));
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  try {
    return seqsweep::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
