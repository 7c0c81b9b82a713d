// Models and objectives as a sweep file names them. A model is a torch module with one capability
// (here: SequenceModel); an objective turns a model and a data set into a Task.
#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/base/registry.h"
#include "core/data/dataset.h"
#include "core/train/task.h"

namespace seqsweep {

// S sequences end to end, without padding. T items in all.
struct PackedSequences {
  torch::Tensor items_T;      // int64, item ids, on the model's device.
  torch::Tensor positions_T;  // int64, from 0 in each sequence.
  torch::Tensor
      offsets_S1;  // int32, on the model's device: sequence s is [offsets[s], offsets[s+1]).
  std::vector<int32_t> host_offsets;  // The same on the host.
  int64_t max_length = 0;             // Of the longest sequence.
};

// What a recurrent model keeps of sequences that go on; the first dimension of each tensor is S.
using SequenceState = std::vector<torch::Tensor>;

// Sequences of item ids to hidden states; scores of all items are h E^T + bias.
class SequenceModel : public torch::nn::Module {
 public:
  // [T, D]. In a causal model the state at a position depends on that position and those before.
  virtual torch::Tensor encode(const PackedSequences& sequences) = 0;
  // The states of the last items only, [S, D]: those rows of encode(), at less cost where a model
  // knows how. No sequence may be empty.
  virtual torch::Tensor encode_last(const PackedSequences& sequences);
  virtual torch::Tensor item_embedding() = 0;       // E, [V, D]
  virtual torch::Tensor item_bias() { return {}; }  // [V], or undefined: none.
  virtual bool causal() const { return true; }
  virtual int64_t embedding_parameters() const = 0;  // In embedding tables, positions among them.

  // A recurrent model follows a user at the cost of the new items alone. begin: the state of S
  // sequences before their first item. advance: encode_last() after the next items of each, which
  // must not be empty; the state is updated in place. Without gradient.
  virtual bool recurrent() const { return false; }
  virtual SequenceState begin(int64_t sequences);
  virtual torch::Tensor advance(const PackedSequences& next, SequenceState& state);
};

// Asked now and then by long work, which also shows that it is alive: whether to go on.
using GoOn = std::function<bool()>;

// A model that is fitted to the training split as it pleases, without gradients of ours.
class FittedModel : public torch::nn::Module {
 public:
  // False: go_on() said no, and the model is fit for nothing.
  virtual bool fit(const Dataset& data, const GoOn& go_on) = 0;
  virtual torch::Tensor scores(std::span<const History> histories) = 0;  // [S, V]
  virtual int64_t embedding_parameters() const { return 0; }
};

struct ModelContext {
  const Dataset& data;
  torch::Device device;
  uint64_t seed;
};

struct TaskContext {
  std::shared_ptr<torch::nn::Module> model;  // On `device`.
  std::shared_ptr<const Dataset> data;
  torch::Device device;
  uint64_t seed;
  // Tasks of the runs that this one needs, by role (RunConfig::needs): trained, in evaluation mode,
  // on `device`, on data of the same settings. Who keeps a task keeps all that it stands on.
  std::map<std::string, std::shared_ptr<Task>> needs = {};
  GoOn go_on = [] { return true; };  // For work outside the trainer's steps.
};

using ModelRegistry = Registry<std::shared_ptr<torch::nn::Module>, const ModelContext&>;
using ObjectiveRegistry = Registry<std::unique_ptr<Task>, const TaskContext&>;
ModelRegistry& models();
ObjectiveRegistry& objectives();

// The last line of a model's file. `objective` is the one used when the sweep file names none.
template <ConfigStruct Config>
struct RegisterModel {
  RegisterModel(std::string name, std::string summary, std::string objective,
                std::shared_ptr<torch::nn::Module> (*make)(const Config&, const ModelContext&)) {
    models().add<Config>(std::move(name), std::move(summary), make,
                         {{"objective", std::move(objective)}});
  }
};

// Traits: {"needs": {"retriever": "mine"}}: the objective needs a trained run in each of these
// roles; by default of this model. It finds them in TaskContext::needs.
template <ConfigStruct Config>
struct RegisterObjective {
  RegisterObjective(std::string name, std::string summary,
                    std::unique_ptr<Task> (*make)(const Config&, const TaskContext&),
                    Json traits = Json::object()) {
    objectives().add<Config>(std::move(name), std::move(summary), make, std::move(traits));
  }
};

}  // namespace seqsweep
