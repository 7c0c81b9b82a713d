// Next item: from each prefix of a user's history, score the whole catalogue for what comes next.
// Legend: T items of a packed batch, N targets, D width, V items of the catalogue, S sequences, M
// negatives of a microbatch.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/train/model.h"
#include "core/train/packing.h"
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
  Loss loss = Loss::CrossEntropy;
  int64_t negatives = 1024;
  double negatives_power = 0;

  void fields(auto&& field) {
    field("rows", rows, "null: positions for a causal model, prefixes for another");
    field("loss", loss,
          "ce: over all items; bce: against one random item (Kang & McAuley); sampled_ce: ce over "
          "random items of a microbatch, corrected for how often each is drawn");
    field("negatives", negatives, "sampled_ce: how many items a microbatch draws", at_least(1));
    field("negatives_power", negatives_power,
          "sampled_ce: an item with n training events is drawn as (n + 1)^power; 0: uniformly",
          at_least(0));
  }
};

// The items of `user` in [window.begin, window.end), with losses from window.first_target on.
struct Example {
  int64_t user;
  Window window;
};

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
        negatives_(config.negatives) {
    if (rows_ == TrainingRows::Positions && !model_->causal()) {
      throw_input(
          "objective next_item: rows: positions would show the model what it is to predict, since "
          "its states depend on later items; use rows: prefixes");
    }
    collect_examples();
    if (loss_ == Loss::Sampled) weigh_items(config.negatives_power);
  }

  torch::nn::Module& module() override { return *model_; }
  int64_t embedding_parameters() const override { return model_->embedding_parameters(); }

  int64_t begin_epoch(int64_t epoch) override {
    std::iota(order_.begin(), order_.end(), 0);
    Rng rng(seed_of(seed_, kOrder, epoch));
    shuffle(std::span(order_), rng);
    return static_cast<int64_t>(order_.size());
  }

  LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
    torch::manual_seed(seed);
    std::vector<History> inputs;
    Targets targets;
    int64_t token = 0;
    for (const int64_t index : examples) {
      const auto& [user, window] = examples_[order_[index]];
      const History history = data_->history(user, Split::Train);
      inputs.push_back(history.subspan(window.begin, window.end - window.begin));
      for (int32_t i = window.begin; i < window.end; ++i, ++token) {
        if (i >= window.first_target) targets.add(user, token, history[i + 1]);
      }
    }
    const auto count = static_cast<int64_t>(targets.items.size());
    if (count == 0) return {torch::zeros({}, model_->item_embedding().options()), 0};
    const PackedSequences sequences = pack(inputs, data_->max_length(), device_);
    Tensor hidden_ND = model_->encode(sequences);
    if (count < token) hidden_ND = hidden_ND.index_select(0, on_device(targets.tokens));
    return {sum_of_losses(hidden_ND, targets, seed), count};
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
    std::vector<std::vector<Recommendation>> lists;
    lists.reserve(histories.size());
    for_each_chunk(histories, [&](std::span<const History> chunk) {
      std::vector<int32_t> items;
      std::vector<int64_t> offsets;
      if (seen == Seen::LeftOut) {
        offsets.push_back(0);
        for (const History& history : chunk) {
          items.insert(items.end(), history.begin(), history.end());
          offsets.push_back(static_cast<int64_t>(items.size()));
        }
      }
      std::ranges::move(best_in_catalogue(last_states(chunk), model_->item_embedding(),
                                          model_->item_bias(), count, {items, offsets}),
                        std::back_inserter(lists));
    });
    return lists;
  }

 private:
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

  void collect_examples() {
    const int64_t max_length = data_->max_length();
    for (int64_t user = 0; user < data_->users(); ++user) {
      const auto items = static_cast<int64_t>(data_->history(user, Split::Train).size());
      if (rows_ == TrainingRows::Positions) {
        for (const Window& window : training_windows(items, max_length)) {
          examples_.push_back({user, window});
        }
      } else {
        for (int64_t end = 1; end < items; ++end) {
          const int64_t begin = std::max<int64_t>(0, end - max_length);
          examples_.push_back({user,
                               {static_cast<int32_t>(begin), static_cast<int32_t>(end),
                                static_cast<int32_t>(end - 1)}});
        }
      }
    }
    order_.resize(examples_.size());
  }

  Tensor sum_of_losses(const Tensor& hidden_ND, const Targets& targets, uint64_t seed) {
    if (loss_ == Loss::Binary) return binary_loss(hidden_ND, targets, seed);
    const Tensor targets_N = on_device(targets.items);
    if (loss_ == Loss::CrossEntropy) {
      return linear_cross_entropy(hidden_ND, model_->item_embedding(), model_->item_bias(),
                                  targets_N);
    }
    const Tensor negatives_M = on_device(draw_shared_negatives(seed));
    return sampled_cross_entropy(hidden_ND, model_->item_embedding(), model_->item_bias(),
                                 targets_N, negatives_M,
                                 log_expected_V_.index_select(0, negatives_M));
  }

  // How the negatives of a microbatch are drawn: running sums of the items' weights, and the
  // logarithm of how often an item is expected among them.
  void weigh_items(double power) {
    std::vector<double> weights(data_->items(), 1);
    for (int64_t user = 0; user < data_->users(); ++user) {
      for (const int32_t item : data_->history(user, Split::Train)) weights[item] += 1;
    }
    for (double& weight : weights) weight = std::pow(weight, power);
    running_weights_.resize(weights.size());
    std::partial_sum(weights.begin(), weights.end(), running_weights_.begin());
    const double scale = static_cast<double>(negatives_) / running_weights_.back();
    log_expected_V_ = torch::tensor(weights, torch::kDouble)
                          .mul(scale)
                          .log()
                          .to(model_->item_embedding().scalar_type())
                          .to(device_);
  }

  std::vector<int64_t> draw_shared_negatives(uint64_t seed) const {
    Rng rng(seed_of(seed, kNegatives));
    std::vector<int64_t> negatives(negatives_);
    for (int64_t& item : negatives) {
      const double drawn = rng.uniform() * running_weights_.back();
      const auto place = std::ranges::upper_bound(running_weights_, drawn);
      item = std::min<int64_t>(place - running_weights_.begin(), data_->items() - 1);
    }
    return negatives;
  }

  // -log sigmoid(score of the target) - log sigmoid(-score of an item that the user never had).
  Tensor binary_loss(const Tensor& hidden_ND, const Targets& targets, uint64_t seed) {
    const Tensor positives_N = on_device(targets.items);
    const Tensor negatives_N = on_device(draw_negatives(targets.users, seed));
    const auto scores = [&](const Tensor& items_N) {
      const Tensor dots_N = (hidden_ND * model_->item_embedding().index_select(0, items_N)).sum(1);
      const Tensor bias_V = model_->item_bias();
      return bias_V.defined() ? dots_N + bias_V.index_select(0, items_N) : dots_N;
    };
    return -(torch::log_sigmoid(scores(positives_N)) + torch::log_sigmoid(-scores(negatives_N)))
                .sum();
  }

  std::vector<int64_t> draw_negatives(const std::vector<int64_t>& users, uint64_t seed) const {
    Rng rng(seed_of(seed, kNegatives));
    std::vector<int64_t> negatives(users.size());
    std::vector<int32_t> known;
    for (size_t i = 0; i < users.size(); ++i) {
      if (i == 0 || users[i] != users[i - 1]) known = known_items(users[i]);
      do {
        negatives[i] = static_cast<int64_t>(rng.below(static_cast<uint64_t>(data_->items())));
      } while (std::ranges::binary_search(known, negatives[i]));
    }
    return negatives;
  }

  std::vector<int32_t> known_items(int64_t user) const {
    const History history = data_->history(user, Split::Train);
    std::vector<int32_t> known(history.begin(), history.end());
    std::ranges::sort(known);
    known.erase(std::ranges::unique(known).begin(), known.end());
    if (static_cast<int64_t>(known.size()) == data_->items()) {
      throw_input(
          "objective next_item: loss: bce needs an item that the user never had, but user '{}' had "
          "all {}; use loss: ce",
          printable(data_->user_key(user)), data_->items());
    }
    return known;
  }

  // Of each history, the state at its last item: [S, D].
  Tensor last_states(std::span<const History> histories) {
    const torch::InferenceMode inference;
    for (const History& history : histories) {
      if (history.empty()) throw_input("recommend: a history must have at least one item");
      for (const int32_t item : history) {
        if (item < 0 || item >= data_->items()) {
          throw_input("recommend: items are 0 to {}; a history has {}", data_->items() - 1, item);
        }
      }
    }
    const PackedSequences sequences = pack(histories, data_->max_length(), device_);
    return model_->encode(sequences).index_select(0, last_tokens(sequences));
  }

  template <typename Row>
  void for_each_chunk(std::span<const Row> rows, const auto& visit) const {
    constexpr size_t kRows = 512;
    for (size_t begin = 0; begin < rows.size(); begin += kRows) {
      visit(rows.subspan(begin, std::min(kRows, rows.size() - begin)));
    }
  }

  Tensor on_device(const std::vector<int64_t>& numbers) const {
    return torch::tensor(numbers, torch::kInt64).to(device_);
  }

  std::shared_ptr<SequenceModel> model_;
  std::shared_ptr<const Dataset> data_;
  torch::Device device_;
  uint64_t seed_;
  TrainingRows rows_;
  Loss loss_;
  int64_t negatives_;
  std::vector<double> running_weights_;  // Of the items, for sampled_ce only.
  Tensor log_expected_V_;
  std::vector<Example> examples_;
  std::vector<int64_t> order_;  // Of the current epoch: indices into examples_.
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
