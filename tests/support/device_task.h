// The same task on the CPU and on another device, trained step by step.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/data/dataset.h"
#include "core/train/model.h"
#include "core/train/optimizer.h"
#include "core/train/parameters.h"
#include "tests/support/fixed_order_task.h"

namespace seqsweep {

// As a run builds it. What the objective needs of other runs recommends in a fixed order.
inline std::unique_ptr<Task> make_task_on(c10::Device device, const Json& model,
                                          const Json& objective,
                                          const std::shared_ptr<const Dataset>& data) {
  torch::manual_seed(3);
  const auto module = models().make(model, ModelContext{*data, device, 3});
  module->to(device);
  TaskContext context{.model = module, .data = data, .device = device, .seed = 1};
  for (const char* role : {"retriever", "negatives"}) {
    context.needs[role] = std::make_shared<FixedOrderTask>(*data);
  }
  return objectives().make(objective, context);
}

// A task with its flat parameters and an optimizer.
struct Training {
  Training(std::unique_ptr<Task> of, const Json& spec)
      : task(std::move(of)),
        parameters(task->module()),
        optimizer(
            optimizers().make(spec, {parameters, [] { return std::optional<int64_t>(100); }})),
        count(task->begin_epoch(0)) {}

  // The mean loss of the examples of a step, whose gradient is in `parameters` afterwards.
  double differentiate(int64_t step, int64_t batch_size = 8) {
    std::vector<int64_t> examples;
    for (int64_t i = 0; i < batch_size; ++i) examples.push_back((step * batch_size + i) % count);
    task->module().train();
    parameters.gradients().zero_();
    const LossSum loss = task->loss(examples, static_cast<uint64_t>(100 + step));
    loss.sum.backward();
    const auto targets = static_cast<double>(loss.count);
    parameters.gradients().div_(targets);
    return loss.sum.template item<double>() / targets;
  }
  void update(int64_t step) {
    optimizer->step(/*microbatches=*/1);
    if (!optimizer->looks_again()) return;
    differentiate(step);
    optimizer->look_again();
  }

  std::unique_ptr<Task> task;
  Parameters parameters;
  std::unique_ptr<Optimizer> optimizer;
  int64_t count;
};

inline double relative_norm(const torch::Tensor& ours, const torch::Tensor& expected) {
  const torch::Tensor plain = expected.cpu().to(torch::kDouble);
  return (ours.cpu().to(torch::kDouble) - plain).norm().item<double>() /
         std::max(plain.norm().item<double>(), 1e-12);
}

// Says which parameter is another.
inline void expect_near_gradients(Training& ours, Training& plain, double tolerance) {
  for (const ParameterSlice& slice : plain.parameters.slices()) {
    const auto part = [&](Training& of) {
      return of.parameters.gradients().narrow(0, slice.begin, slice.size).cpu().to(torch::kDouble);
    };
    const double all = plain.parameters.gradients().norm().item<double>();
    const torch::Tensor expected = part(plain);
    const double size = std::max(expected.norm().item<double>(), 1e-3 * all);
    EXPECT_LE((part(ours) - expected).norm().item<double>(), tolerance * size)
        << "gradient of " << slice.name << ", norm " << expected.norm().item<double>() << " of "
        << all;
  }
}

// The share of places at which two sets of lists have another item; lists of other sizes: 1.
inline double share_of_other_items(const std::vector<std::vector<Recommendation>>& ours,
                                   const std::vector<std::vector<Recommendation>>& expected) {
  int64_t places = 0, other = 0;
  if (ours.size() != expected.size()) return 1;
  for (size_t row = 0; row < ours.size(); ++row) {
    if (ours[row].size() != expected[row].size()) return 1;
    for (size_t i = 0; i < ours[row].size(); ++i, ++places) {
      other += ours[row][i].item != expected[row][i].item;
    }
  }
  return places == 0 ? 0 : static_cast<double>(other) / static_cast<double>(places);
}

}  // namespace seqsweep
