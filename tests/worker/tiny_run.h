// A run that takes milliseconds, of components that only tests know: a table of scores by last
// item, trained on cyclic sequences. Its objective can be told to fail.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/random.h"
#include "core/data/registry.h"
#include "core/protocol/run_config.h"
#include "core/train/model.h"
#include "core/train/score_ranking.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {

struct TinyDataConfig {
  int64_t users = 40, items = 12;
  void fields(auto&& field) {
    field("users", users, "");
    field("items", items, "");
  }
};

// Every user walks the items in a circle and sometimes jumps.
inline std::shared_ptr<const Dataset> make_tiny_data(const TinyDataConfig& config,
                                                     const DatasetContext&) {
  Rng rng(5);
  std::vector<std::vector<int32_t>> sequences(config.users);
  for (auto& sequence : sequences) {
    auto item = static_cast<int32_t>(rng.below(config.items));
    for (int i = 0; i < 8; ++i) {
      sequence.push_back(item);
      item = static_cast<int32_t>((item + (rng.uniform() < 0.8 ? 1 : 5)) % config.items);
    }
  }
  return std::make_shared<TinyDataset>(std::move(sequences), config.items, /*max_length=*/50);
}

class LastItemTable : public torch::nn::Module {
 public:
  explicit LastItemTable(const ModelContext& context)
      : table_VV(register_parameter(
            "table", 0.01 * torch::randn({context.data.items(), context.data.items()}))),
        bias_V(register_parameter("bias", torch::zeros({context.data.items()}))) {}
  torch::Tensor scores(const torch::Tensor& last_items_S) {
    return table_VV.index_select(0, last_items_S) + bias_V;
  }
  torch::Tensor table_VV, bias_V;
};

struct NoSettings {
  void fields(auto&&) {}
};

inline std::shared_ptr<torch::nn::Module> make_last_item(const NoSettings&,
                                                         const ModelContext& context) {
  return std::make_shared<LastItemTable>(context);
}

inline void throw_as_a_destructor_would() noexcept {
  std::rethrow_exception(std::make_exception_ptr(std::runtime_error("the tiny run's last words")));
}

struct LastItemTaskConfig {
  std::string fault = "";       // What loss() does: a word of be_faulty(), or "nan".
  int64_t fault_after = 0;      // Calls of it.
  std::string fault_file = "";  // Made by the first fault; where it is, there is no other.
  void fields(auto&& field) {
    field("fault", fault, "");
    field("fault_after", fault_after, "");
    field("fault_file", fault_file, "");
  }
};

inline void be_faulty(const std::string& fault) {
  if (fault == "input") throw_input("the tiny run was told to fail");
  if (fault == "memory") throw std::bad_alloc();
  if (fault == "torch") torch::ones({2}).view({3});
  if (fault == "huge") torch::ones({int64_t{1} << 46});
  if (fault == "segv") ::raise(SIGSEGV);
  if (fault == "abort") throw_as_a_destructor_would();
  if (fault == "exit 0") std::exit(0);
  if (fault == "exit 1") std::exit(1);
  if (fault == "kill") ::raise(SIGKILL);
  if (fault == "stop") ::raise(SIGSTOP);
  for (std::vector<std::string> held; fault == "devour";) held.emplace_back(1 << 20, 'x');
  while (fault == "hang") ::usleep(1000);
}

// One example a user: the last item of the training split from the one before it.
class LastItemTask : public Task {
 public:
  LastItemTask(const LastItemTaskConfig& config, const TaskContext& context)
      : config_(config),
        model_(std::dynamic_pointer_cast<LastItemTable>(context.model)),
        data_(context.data) {}

  torch::nn::Module& module() override { return *model_; }
  int64_t embedding_parameters() const override { return model_->table_VV.numel(); }
  int64_t begin_epoch(int64_t) override { return data_->users(); }

  LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
    const bool faulty = ++calls_ > config_.fault_after && !had_its_fault();
    if (faulty) be_faulty(config_.fault);
    std::vector<int64_t> inputs, targets;
    for (const int64_t user : examples) {
      const History history = data_->history(user, Split::Train);
      inputs.push_back(history[history.size() - 2]);
      targets.push_back(history.back());
    }
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    torch::Tensor scores = model_->scores(torch::tensor(inputs));
    scores = scores + 0.1 * torch::randn(scores.sizes(), generator);
    if (faulty && config_.fault == "nan")
      scores = scores * std::numeric_limits<double>::quiet_NaN();
    const auto options = torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum);
    return {torch::nn::functional::cross_entropy(scores, torch::tensor(targets), options),
            static_cast<int64_t>(examples.size())};
  }

  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
    std::vector<History> histories;
    std::vector<int32_t> targets;
    for (const int64_t user : users) {
      histories.push_back(data_->history(user, split));
      targets.push_back(data_->target(user, split));
    }
    return rank_targets(scores(histories), targets);
  }

  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    return top_items(scores(histories), count,
                     seen == Seen::LeftOut ? histories : std::span<const History>());
  }

 private:
  torch::Tensor scores(std::span<const History> histories) {
    const torch::NoGradGuard no_grad;
    std::vector<int64_t> last;
    for (const History& history : histories) last.push_back(history.back());
    return model_->scores(torch::tensor(last));
  }

  bool had_its_fault() const {
    if (config_.fault_file.empty()) return false;
    if (std::filesystem::exists(config_.fault_file)) return true;
    write_file_atomic(config_.fault_file, config_.fault);
    return false;
  }

  LastItemTaskConfig config_;
  int64_t calls_ = 0;
  std::shared_ptr<LastItemTable> model_;
  std::shared_ptr<const Dataset> data_;
};

inline std::unique_ptr<Task> make_last_item_task(const LastItemTaskConfig& config,
                                                 const TaskContext& context) {
  return std::make_unique<LastItemTask>(config, context);
}

// Needs a trained run: it ranks as its teacher does.
class PupilTask : public LastItemTask {
 public:
  PupilTask(const LastItemTaskConfig& config, const TaskContext& context)
      : LastItemTask(config, context), teacher_(context.needs.at("teacher")) {}
  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
    return teacher_->target_ranks(users, split);
  }
  Task& teacher() { return *teacher_; }

 private:
  std::shared_ptr<Task> teacher_;
};

inline std::unique_ptr<Task> make_pupil_task(const LastItemTaskConfig& config,
                                             const TaskContext& context) {
  return std::make_unique<PupilTask>(config, context);
}

inline const RegisterDataset<TinyDataConfig> kTinyData{"tiny", "for tests", make_tiny_data};
inline const RegisterModel<NoSettings> kLastItem{"last_item", "for tests", "last_item_task",
                                                 make_last_item};
inline const RegisterObjective<LastItemTaskConfig> kLastItemTask{"last_item_task", "for tests",
                                                                 make_last_item_task};
inline const RegisterObjective<LastItemTaskConfig> kPupilTask{
    "pupil_task", "for tests", make_pupil_task, {{"needs", {{"teacher", "last_item"}}}}};

inline RunConfig tiny_config() {
  RunConfig config;
  config.dataset = {{"name", "tiny"}};
  config.model = {{"name", "last_item"}};
  config.objective = {{"name", "last_item_task"}};
  config.optimizer = {{"name", "adam"}, {"lr", 0.1}};
  config.batch_schedule = {{"name", "constant"}};
  config.train.batch_size = 8;
  config.train.epochs = 6;
  config.train.log_every = 1;
  config.train.threads = 1;
  config.train.device = DeviceChoice::Cpu;
  config.evaluate.cutoffs = {1, 5};
  config.latency.samples = 3;
  config.latency.users = 20;
  config.latency.warm_up = 2;
  return config;
}

}  // namespace seqsweep
