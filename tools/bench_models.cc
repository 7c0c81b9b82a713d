// Times our models for tools/bench_state_space.py, which runs the same in PyTorch: the two take
// turns. Reads a work a line from standard input, does it once, answers the seconds on a line:
//   recommend MODEL ITEMS LENGTH TOP    a history in, the best items out, batch 1
//   train MODEL ITEMS LENGTH ROWS       a step on so many histories: loss, gradients, Adam
//   ssd SEQUENCES LENGTH HEADS WIDTH STATE    Mamba-2's operator, one group, and its gradients
// The first time a line is read its model is made and the work done once uncounted.
// Usage: bench_models THREADS [DEVICE [TIMES]], see tools/bench/serve.h.
#include <torch/autograd.h>
#include <torch/types.h>

#include <map>
#include <numeric>
#include <sstream>
#include <string>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/train/model.h"
#include "core/train/optimizer.h"
#include "kernels/ssd.h"
#include "tools/bench/serve.h"
#include "worker/kept_memory.h"

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

Trained build(const std::string& name, int64_t users, int64_t items, int64_t length,
              torch::Device device) {
  const auto data = std::make_shared<RandomDataset>(users, items, length);
  const auto model = models().make({{"name", name}}, ModelContext{*data, device, 1});
  return {data,
          objectives().make({{"name", "next_item"}}, TaskContext{model, data, device, /*seed=*/1})};
}

Work recommend(const std::string& model, int64_t items, int64_t length, int64_t top,
               torch::Device device) {
  auto trained = std::make_shared<Trained>(build(model, 1, items, length, device));
  trained->task->module().eval();
  return [trained, top] {
    const History history = trained->data->sequence(0).last(trained->data->max_length());
    trained->task->recommend({&history, 1}, top, Seen::Listed);
  };
}

// All training examples of `rows` histories: for a causal model one each, of `length` targets.
Work train(const std::string& model, int64_t items, int64_t length, int64_t rows,
           torch::Device device) {
  auto trained = std::make_shared<Trained>(build(model, rows, items, length, device));
  auto parameters = std::make_shared<Parameters>(trained->task->module());
  std::shared_ptr<Optimizer> optimizer =
      optimizers().make({{"name", "adam"}}, OptimizerContext{*parameters});
  trained->task->module().train();
  std::vector<int64_t> examples(static_cast<size_t>(trained->task->begin_epoch(0)));
  std::iota(examples.begin(), examples.end(), 0);
  return [=, memory = std::make_shared<KeptMemory>()] {  // As a run has it.
    parameters->sums().zero_();
    const LossSum loss = trained->task->loss(examples, /*seed=*/1);
    loss.sum.backward();
    parameters->gradients().div_(loss.count);
    optimizer->step(1);
  };
}

// Decays like those of a model at its start.
Work state_space_duality(int64_t sequences, int64_t length, int64_t heads, int64_t width,
                         int64_t state, torch::Device device) {
  torch::manual_seed(1);
  const int64_t tokens = sequences * length;
  const auto options = torch::dtype(torch::kFloat).device(device);
  SsdInputs in{.x_THP = torch::randn({tokens, heads, width}, options),
               .dt_TH = torch::randn({tokens, heads}, options) - 2,
               .A_H = -torch::rand({heads}, options) * 15 - 1,
               .B_TGN = torch::randn({tokens, 1, state}, options),
               .C_TGN = torch::randn({tokens, 1, state}, options),
               .D_H = torch::ones({heads}, options),
               .dt_bias_H = torch::zeros({heads}, options),
               .offsets_S1 = torch::arange(0, tokens + 1, length, options.dtype(torch::kInt))};
  const torch::autograd::variable_list leaves{in.x_THP, in.dt_TH, in.A_H,      in.B_TGN,
                                              in.C_TGN, in.D_H,   in.dt_bias_H};
  for (const torch::Tensor& leaf : leaves) leaf.requires_grad_();
  return [in, leaves, d_y = torch::randn({tokens, heads, width}, options)] {
    torch::autograd::grad({ssd(in)}, leaves, {d_y});
  };
}

Work make_work(const std::string& line, torch::Device device) {
  std::istringstream words(line);
  std::string kind, model;
  int64_t a = 0, b = 0, c = 0, d = 0, e = 0;
  words >> kind;
  if (kind == "ssd" && words >> a >> b >> c >> d >> e) {
    return state_space_duality(a, b, c, d, e, device);
  }
  if (kind == "recommend" && words >> model >> a >> b >> c) {
    return recommend(model, a, b, c, device);
  }
  if (kind == "train" && words >> model >> a >> b >> c) return train(model, a, b, c, device);
  throw_input("bench_models: no such work: '{}'", line);
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  return seqsweep::serve_works(argc, argv, seqsweep::make_work);
}
