// Times our models for tools/bench_state_space.py, which runs the same in PyTorch: the two take
// turns. Reads a work a line from standard input, does it once, answers the seconds on a line:
//   recommend MODEL ITEMS LENGTH TOP    a history in, the best items out, batch 1
//   train MODEL ITEMS LENGTH ROWS       a step on so many histories: loss, gradients, Adam
// The first time a line is read its model is made and the work done once uncounted.
// Usage: bench_models THREADS
#include <torch/types.h>

#include <map>
#include <numeric>
#include <sstream>
#include <string>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/train/model.h"
#include "core/train/optimizer.h"
#include "tools/bench/serve.h"

namespace seqsweep {
namespace {

// Users with histories of one length, of items drawn at random.
class RandomDataset : public Dataset {
 public:
  RandomDataset(int64_t users, int64_t items, int64_t length) : items_(items), length_(length) {
    Rng rng(1);
    sequences_.resize(static_cast<size_t>(users));
    for (auto& sequence : sequences_) {
      for (int64_t i = 0; i < length + 3; ++i) {
        sequence.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(items))));
      }
    }
  }

  const std::string& name() const override { return name_; }
  int64_t users() const override { return std::ssize(sequences_); }
  int64_t items() const override { return items_; }
  int64_t interactions() const override { return users() * (length_ + 3); }
  int64_t max_length() const override { return length_; }
  History sequence(int64_t user) const override { return sequences_.at(user); }
  std::span<const float> ratings(int64_t) const override { return {}; }
  std::span<const int64_t> timestamps(int64_t) const override { return {}; }
  std::string_view title(int64_t) const override { return ""; }
  std::string_view item_key(int64_t) const override { return "item"; }
  std::string_view user_key(int64_t) const override { return "user"; }

 private:
  std::string name_ = "random";
  int64_t items_, length_;
  std::vector<std::vector<int32_t>> sequences_;
};

struct Trained {
  std::shared_ptr<const Dataset> data;
  std::unique_ptr<Task> task;
};

Trained build(const std::string& name, int64_t users, int64_t items, int64_t length) {
  const auto data = std::make_shared<RandomDataset>(users, items, length);
  const auto model = models().make({{"name", name}}, ModelContext{*data, torch::kCPU, 1});
  return {data, objectives().make({{"name", "next_item"}},
                                  TaskContext{model, data, torch::kCPU, /*seed=*/1})};
}

Work recommend(const std::string& model, int64_t items, int64_t length, int64_t top) {
  auto trained = std::make_shared<Trained>(build(model, 1, items, length));
  trained->task->module().eval();
  return [trained, top] {
    const History history = trained->data->sequence(0).last(trained->data->max_length());
    trained->task->recommend({&history, 1}, top, Seen::Listed);
  };
}

// All training examples of `rows` histories: for a causal model one each, of `length` targets.
Work train(const std::string& model, int64_t items, int64_t length, int64_t rows) {
  auto trained = std::make_shared<Trained>(build(model, rows, items, length));
  auto parameters = std::make_shared<Parameters>(trained->task->module());
  std::shared_ptr<Optimizer> optimizer =
      optimizers().make({{"name", "adam"}}, OptimizerContext{*parameters});
  trained->task->module().train();
  std::vector<int64_t> examples(static_cast<size_t>(trained->task->begin_epoch(0)));
  std::iota(examples.begin(), examples.end(), 0);
  return [=] {
    parameters->sums().zero_();
    const LossSum loss = trained->task->loss(examples, /*seed=*/1);
    loss.sum.backward();
    parameters->gradients().div_(loss.count);
    optimizer->step(1);
  };
}

Work make_work(const std::string& line) {
  std::istringstream words(line);
  std::string kind, model;
  int64_t items = 0, length = 0, last = 0;
  if (words >> kind >> model >> items >> length >> last) {
    if (kind == "recommend") return recommend(model, items, length, last);
    if (kind == "train") return train(model, items, length, last);
  }
  throw_input("bench_models: no such work: '{}'", line);
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  return seqsweep::serve_works(argc, argv, seqsweep::make_work);
}
