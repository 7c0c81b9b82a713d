// Next item: from each prefix of a user's history, score the whole catalogue for what comes next.
// Legend: T items of a packed batch, N targets, D width, V items of the catalogue, S sequences.
#include <algorithm>
#include <array>
#include <numeric>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/train/model.h"
#include "core/train/packing.h"
#include "core/train/score_ranking.h"
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

enum class Loss { CrossEntropy, Binary };
constexpr std::array<std::pair<Loss, const char*>, 2> enum_names(Loss) {
  return {{{Loss::CrossEntropy, "ce"}, {Loss::Binary, "bce"}}};
}

struct NextItemConfig {
  std::optional<TrainingRows> rows;
  int64_t prefixes = 0;
  Loss loss = Loss::CrossEntropy;

  void fields(auto&& field) {
    field("rows", rows, "null: positions for a causal model, prefixes for another");
    field("prefixes", prefixes,
          "with rows: prefixes: so many of each user's, drawn anew each epoch; 0: all of them",
          at_least(0));
    field("loss", loss, "ce: over all items; bce: against one random item (Kang & McAuley)");
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
        prefixes_(config.prefixes),
        loss_(config.loss) {
    if (rows_ == TrainingRows::Positions && !model_->causal()) {
      throw_input(
          "objective next_item: rows: positions would show the model what it is to predict, since "
          "its states depend on later items; use rows: prefixes");
    }
    if (rows_ == TrainingRows::Positions && prefixes_ > 0) {
      throw_input("objective next_item: prefixes: {} needs rows: prefixes", prefixes_);
    }
    collect_examples();
  }

  torch::nn::Module& module() override { return *model_; }
  int64_t embedding_parameters() const override { return model_->embedding_parameters(); }

  int64_t begin_epoch(int64_t epoch) override {
    Rng rng(seed_of(seed_, kOrder, epoch));
    choose_examples(rng);
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
    const Tensor hidden_ND = target_states(sequences, targets);
    const Tensor sum = loss_ == Loss::CrossEntropy
                           ? linear_cross_entropy(hidden_ND, model_->item_embedding(),
                                                  model_->item_bias(), on_device(targets.items))
                           : binary_loss(hidden_ND, targets, seed);
    return {sum, count};
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
      std::ranges::copy(rank_targets(scores(last_states(histories)), targets),
                        std::back_inserter(ranks));
    });
    return ranks;
  }

  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count) override {
    std::vector<std::vector<Recommendation>> lists;
    lists.reserve(histories.size());
    for_each_chunk(histories, [&](std::span<const History> chunk) {
      std::ranges::move(top_items(scores(last_states(chunk)), count), std::back_inserter(lists));
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
    }
    std::vector<Recommendation> recommend(int64_t count) override {
      const torch::InferenceMode inference;
      if (!last_1D_.defined()) task_.require_items(History());
      return top_items(task_.scores(last_1D_), count).front();
    }

   private:
    NextItem& task_;
    SequenceState state_;
    Tensor last_1D_;
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

  void collect_examples() {
    const int64_t max_length = data_->max_length();
    for (int64_t user = 0; user < data_->users(); ++user) {
      first_example_.push_back(std::ssize(examples_));
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
    first_example_.push_back(std::ssize(examples_));
  }

  // The epoch's examples into order_: all, or prefixes_ different ones of each user.
  void choose_examples(Rng& rng) {
    order_.clear();
    for (size_t user = 0; user + 1 < first_example_.size(); ++user) {
      const size_t chosen = order_.size();
      for (int64_t i = first_example_[user]; i < first_example_[user + 1]; ++i) order_.push_back(i);
      const auto count = static_cast<int64_t>(order_.size() - chosen);
      if (prefixes_ == 0 || count <= prefixes_) continue;
      shuffle(std::span(order_).subspan(chosen), rng);
      order_.resize(chosen + static_cast<size_t>(prefixes_));
    }
  }

  // [N, D]. Of a prefix only the last item has a target.
  Tensor target_states(const PackedSequences& sequences, const Targets& targets) {
    if (rows_ == TrainingRows::Prefixes) return model_->encode_last(sequences);
    const Tensor hidden_TD = model_->encode(sequences);
    if (std::ssize(targets.tokens) == hidden_TD.size(0)) return hidden_TD;
    return hidden_TD.index_select(0, on_device(targets.tokens));
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

  Tensor scores(const Tensor& last_SD) {
    const torch::InferenceMode inference;
    const Tensor bias_V = model_->item_bias();
    const Tensor items_DV = model_->item_embedding().t();
    return bias_V.defined() ? torch::addmm(bias_V, last_SD, items_DV) : last_SD.mm(items_DV);
  }

  // As many rows at a time as keep their scores within 64 MB.
  template <typename Row>
  void for_each_chunk(std::span<const Row> rows, const auto& visit) const {
    const auto chunk =
        static_cast<size_t>(std::clamp<int64_t>((16 << 20) / data_->items(), 1, 512));
    for (size_t begin = 0; begin < rows.size(); begin += chunk) {
      visit(rows.subspan(begin, std::min(chunk, rows.size() - begin)));
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
  int64_t prefixes_;
  Loss loss_;
  std::vector<Example> examples_;       // By user.
  std::vector<int64_t> first_example_;  // Of each user, and the end.
  std::vector<int64_t> order_;          // Of the current epoch: indices into examples_.
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
