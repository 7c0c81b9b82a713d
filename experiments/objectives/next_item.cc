// Next item: from each prefix of a user's history, score the whole catalogue for what comes next.
// Legend: T items of a packed batch, N targets, D width, V items of the catalogue, S sequences, M
// negatives of a microbatch.
#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/nn/graphed_lists.h"
#include "core/train/model.h"
#include "core/train/negative_items.h"
#include "core/train/packing.h"
#include "core/train/training_examples.h"
#include "kernels/catalogue_ranking.h"
#include "kernels/linear_cross_entropy.h"

namespace seqsweep {

namespace {

using torch::Tensor;

enum class TrainingRows {
  Positions,  // One pass over a history, with a loss at every position.
  Prefixes,   // One example a prefix, with the loss at its last item (RecBole's augmentation).
};
constexpr std::array<std::pair<TrainingRows, const char*>, 2> enum_names(TrainingRows) {
  return {{{TrainingRows::Positions, "positions"}, {TrainingRows::Prefixes, "prefixes"}}};
}

enum class Loss { CrossEntropy, Binary, Sampled };
constexpr std::array<std::pair<Loss, const char*>, 3> enum_names(Loss) {
  return {{{Loss::CrossEntropy, "ce"}, {Loss::Binary, "bce"}, {Loss::Sampled, "sampled_ce"}}};
}

struct NextItemConfig {
  std::optional<TrainingRows> rows;
  int64_t stride = 0;
  int64_t prefixes = 0;
  Loss loss = Loss::CrossEntropy;
  int64_t negatives = 1024;
  double negatives_power = 0;

  void fields(auto&& field) {
    field("rows", rows, "null: positions for a causal model, prefixes for another");
    field(
        "stride", stride,
        "with rows: positions: a history longer than max_length is read in windows, each of which "
        "trains its last so many items; fewer see longer contexts and cost more passes; 0: half "
        "of max_length",
        at_least(0));
    field("prefixes", prefixes,
          "with rows: prefixes: so many of each user's, drawn anew each epoch; 0: all of them",
          at_least(0));
    field("loss", loss,
          "ce: over all items; bce: against one random item (Kang & McAuley); sampled_ce: ce over "
          "random items of a microbatch, corrected for how often each is drawn");
    field("negatives", negatives, "sampled_ce: how many items a microbatch draws", at_least(1));
    field("negatives_power", negatives_power,
          "sampled_ce: an item with n training events is drawn as (n + 1)^power; 0: uniformly",
          at_least(0));
  }
};

int64_t stride_of(const NextItemConfig& config, const Dataset& data) {
  if (config.stride > data.max_length()) {
    throw_input("objective next_item: stride: {} is more than the data set's max_length {}",
                config.stride, data.max_length());
  }
  return config.stride > 0 ? config.stride : std::max<int64_t>(data.max_length() / 2, 1);
}

class NextItem : public Task {
 public:
  NextItem(const NextItemConfig& config, const TaskContext& context,
           std::shared_ptr<SequenceModel> model)
      : model_(std::move(model)),
        data_(context.data),
        device_(context.device),
        seed_(context.seed),
        rows_(config.rows.value_or(model_->causal() ? TrainingRows::Positions
                                                    : TrainingRows::Prefixes)),
        loss_(config.loss),
        examples_(rows_ == TrainingRows::Positions
                      ? TrainingExamples::of_positions(*data_, stride_of(config, *data_),
                                                       data_->max_length())
                      : TrainingExamples::of_prefixes(*data_, config.prefixes)) {
    if (rows_ == TrainingRows::Positions && !model_->causal()) {
      throw_input(
          "objective next_item: rows: positions would show the model what it is to predict, since "
          "its states depend on later items; use rows: prefixes");
    }
    if (rows_ == TrainingRows::Positions && config.prefixes > 0) {
      throw_input("objective next_item: prefixes: {} needs rows: prefixes", config.prefixes);
    }
    if (rows_ == TrainingRows::Prefixes && config.stride > 0) {
      throw_input("objective next_item: stride: {} needs rows: positions", config.stride);
    }
    if (device_.is_cuda()) graphed_.emplace(*model_, data_->max_length());
    if (loss_ == Loss::Sampled) {
      negatives_.emplace(*data_, config.negatives, config.negatives_power);
      log_expected_V_ = torch::tensor(negatives_->expected(), torch::kDouble)
                            .log()
                            .to(context.device, model_->item_embedding().scalar_type());
    }
  }

  torch::nn::Module& module() override { return *model_; }
  int64_t embedding_parameters() const override { return model_->embedding_parameters(); }

  int64_t begin_epoch(int64_t epoch) override {
    return examples_.begin_epoch(Rng(seed_of(seed_, kOrder, epoch)));
  }

  LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
    torch::manual_seed(seed);
    std::vector<History> inputs;
    Targets targets;
    int64_t token = 0;
    for (const int64_t index : examples) {
      const auto& [user, window] = examples_[index];
      const History history = data_->history(user, Split::Train);
      inputs.push_back(history.subspan(window.begin, window.end - window.begin));
      for (int32_t i = window.begin; i < window.end; ++i, ++token) {
        if (i >= window.first_target) targets.add(user, token, history[i + 1]);
      }
    }
    const int64_t count = std::ssize(targets.items);
    if (count == 0) return {torch::zeros({}, model_->item_embedding().options()), 0};
    const PackedSequences sequences = pack(inputs, data_->max_length(), device_);
    return {sum_of_losses(target_states(sequences, targets), targets, seed), count};
  }

  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
    std::vector<int32_t> ranks;
    ranks.reserve(users.size());
    for_each_chunk(users, [&](std::span<const int64_t> chunk) {
      std::vector<History> histories;
      std::vector<int32_t> targets;
      for (const int64_t user : chunk) {
        histories.push_back(data_->history(user, split));
        targets.push_back(data_->target(user, split));
      }
      std::ranges::copy(rank_in_catalogue(last_states(histories), model_->item_embedding(),
                                          model_->item_bias(), targets),
                        std::back_inserter(ranks));
    });
    return ranks;
  }

  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    if (graphed_ && !model_->is_training() && histories.size() == 1 && seen == Seen::Listed &&
        GraphedLists::can_list(count)) {
      require_items(histories[0]);
      return {graphed_->best(histories[0], count)};
    }
    std::vector<std::vector<Recommendation>> lists;
    lists.reserve(histories.size());
    for_each_chunk(histories, [&](std::span<const History> chunk) {
      std::ranges::move(best_items(last_states(chunk), chunk, count, seen),
                        std::back_inserter(lists));
    });
    return lists;
  }

  std::unique_ptr<Session> follow() override {
    return model_->recurrent() ? std::make_unique<RecurrentSession>(*this) : Task::follow();
  }

 private:
  class RecurrentSession : public Session {
   public:
    explicit RecurrentSession(NextItem& task)
        : task_(task), state_(task.model_->begin(/*sequences=*/1)) {}

    void add(int32_t item) override {
      const torch::InferenceMode inference;
      const History next(&item, 1);
      task_.require_items(next);
      last_1D_ = task_.model_->advance(pack({&next, 1}, 1, task_.device_), state_);
      items_.push_back(item);
    }
    std::vector<Recommendation> recommend(int64_t count, Seen seen) override {
      task_.require_items(items_);
      const History history = items_;
      return task_.best_items(last_1D_, {&history, 1}, count, seen).front();
    }

   private:
    NextItem& task_;
    SequenceState state_;
    Tensor last_1D_;
    std::vector<int32_t> items_;
  };

  enum Purpose : uint64_t { kOrder = 1, kNegatives = 2 };

  // Of a microbatch, one row a target.
  struct Targets {
    std::vector<int64_t> users, tokens, items;
    void add(int64_t user, int64_t token, int64_t item) {
      users.push_back(user);
      tokens.push_back(token);
      items.push_back(item);
    }
  };

  // [N, D]. Of a prefix only the last item has a target.
  Tensor target_states(const PackedSequences& sequences, const Targets& targets) {
    if (rows_ == TrainingRows::Prefixes) return model_->encode_last(sequences);
    const Tensor hidden_TD = model_->encode(sequences);
    if (std::ssize(targets.tokens) == hidden_TD.size(0)) return hidden_TD;
    return hidden_TD.index_select(0, on_device(targets.tokens));
  }

  Tensor sum_of_losses(const Tensor& hidden_ND, const Targets& targets, uint64_t seed) {
    if (loss_ == Loss::Binary) return binary_loss(hidden_ND, targets, seed);
    const Tensor targets_N = on_device(targets.items);
    if (loss_ == Loss::CrossEntropy) {
      return linear_cross_entropy(hidden_ND, model_->item_embedding(), model_->item_bias(),
                                  targets_N);
    }
    const Tensor negatives_M = on_device(negatives_->draw(seed_of(seed, kNegatives)));
    return sampled_cross_entropy(hidden_ND, model_->item_embedding(), model_->item_bias(),
                                 targets_N, negatives_M,
                                 log_expected_V_.index_select(0, negatives_M));
  }

  // -log sigmoid(score of the target) - log sigmoid(-score of an item that the user never had).
  Tensor binary_loss(const Tensor& hidden_ND, const Targets& targets, uint64_t seed) {
    const Tensor positives_N = on_device(targets.items);
    const Tensor negatives_N =
        on_device(draw_unseen_items(*data_, targets.users, seed_of(seed, kNegatives)));
    // Not index_select: on a GPU its gradient adds in any order.
    const auto scores = [&](const Tensor& items_N) {
      const Tensor dots_N =
          (hidden_ND * torch::embedding(model_->item_embedding(), items_N)).sum(1);
      const Tensor bias_V = model_->item_bias();
      return bias_V.defined() ? dots_N + torch::embedding(bias_V.unsqueeze(1), items_N).squeeze(1)
                              : dots_N;
    };
    return -(torch::log_sigmoid(scores(positives_N)) + torch::log_sigmoid(-scores(negatives_N)))
                .sum();
  }

  void require_items(History history) const {
    if (history.empty()) throw_input("recommend: a history must have at least one item");
    for (const int32_t item : history) {
      if (item < 0 || item >= data_->items()) {
        throw_input("recommend: items are 0 to {}; a history has {}", data_->items() - 1, item);
      }
    }
  }

  Tensor last_states(std::span<const History> histories) {
    const torch::InferenceMode inference;
    for (const History& history : histories) require_items(history);
    return model_->encode_last(pack(histories, data_->max_length(), device_));
  }

  std::vector<std::vector<Recommendation>> best_items(const Tensor& last_SD,
                                                      std::span<const History> histories,
                                                      int64_t count, Seen seen) {
    const torch::InferenceMode inference;
    std::vector<int32_t> items;
    std::vector<int64_t> offsets;
    if (seen == Seen::LeftOut) {
      offsets.push_back(0);
      for (const History& history : histories) {
        items.insert(items.end(), history.begin(), history.end());
        offsets.push_back(std::ssize(items));
      }
    }
    return best_in_catalogue(last_SD, model_->item_embedding(), model_->item_bias(), count,
                             {items, offsets});
  }

  template <typename Row>
  void for_each_chunk(std::span<const Row> rows, const auto& visit) const {
    constexpr size_t kRows = 512;
    for (size_t begin = 0; begin < rows.size(); begin += kRows) {
      visit(rows.subspan(begin, std::min(kRows, rows.size() - begin)));
    }
  }

  Tensor on_device(const std::vector<int64_t>& numbers) const { return sent(numbers, device_); }

  std::shared_ptr<SequenceModel> model_;
  std::shared_ptr<const Dataset> data_;
  torch::Device device_;
  uint64_t seed_;
  TrainingRows rows_;
  Loss loss_;
  TrainingExamples examples_;
  std::optional<GraphedLists> graphed_;       // On a GPU.
  std::optional<SharedNegatives> negatives_;  // Of loss: sampled_ce.
  Tensor log_expected_V_;                     // Likewise: how often each item is among them.
};

std::unique_ptr<Task> make(const NextItemConfig& config, const TaskContext& context) {
  auto model = std::dynamic_pointer_cast<SequenceModel>(context.model);
  if (model == nullptr) {
    throw_input("objective next_item: needs a model of item sequences; this one is not");
  }
  return std::make_unique<NextItem>(config, context, std::move(model));
}

const RegisterObjective<NextItemConfig> kNextItem{
    "next_item", "score the whole catalogue for the item that comes next", make};

}  // namespace

}  // namespace seqsweep
