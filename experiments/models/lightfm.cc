// LightFM (Kula 2015): hybrid matrix factorisation (kernels/hybrid_factors.h) as a recommender that
// is fitted, beside the sequence models. Legend: V items, S histories, D width.
#include <ATen/ops/embedding_bag.h>
#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/train/model.h"
#include "core/train/negative_items.h"
#include "kernels/hybrid_factors.h"

namespace seqsweep {
namespace {

using torch::Tensor;

enum class UserFeatures { History, Identity };
constexpr std::array<std::pair<UserFeatures, const char*>, 2> enum_names(UserFeatures) {
  return {{{UserFeatures::History, "history"}, {UserFeatures::Identity, "identity"}}};
}
enum class ItemFeatures { Identity, Title };
constexpr std::array<std::pair<ItemFeatures, const char*>, 2> enum_names(ItemFeatures) {
  return {{{ItemFeatures::Identity, "identity"}, {ItemFeatures::Title, "title"}}};
}
enum class SeenItems { Last, Scored };
constexpr std::array<std::pair<SeenItems, const char*>, 2> enum_names(SeenItems) {
  return {{{SeenItems::Last, "last"}, {SeenItems::Scored, "scored"}}};
}

struct LightFMConfig : FactorSettings {
  int64_t epochs = 30, threads = 1;
  UserFeatures user_features = UserFeatures::History;
  ItemFeatures item_features = ItemFeatures::Identity;
  std::optional<double> positive_rating;
  SeenItems seen = SeenItems::Last;

  void fields(auto&& field) {
    field("width", width, "numbers of a feature's vector (no_components)", at_least(1));
    field("loss", loss,
          "warp and warp-kos: the top of the list; bpr: all of it; logistic: ratings apart");
    field("learning_schedule", rates, "how the steps of each number shrink");
    field("lr", learning_rate, "adagrad: learning rate", above(0));
    field("rho", rho, "adadelta: decay of its means", between_below(0, 1));
    field("eps", eps, "adadelta: added to its means", above(0));
    field("max_sampled", max_sampled, "warp: most items drawn for one that violates", at_least(1));
    field("k", kos_k, "warp-kos: trains with the k-th best of ...", at_least(1));
    field("n", kos_n, "... n of a user's items", at_least(1));
    field("epochs", epochs, "passes over the training interactions", at_least(1));
    field("threads", threads,
          "1: the same bits every time; more: together without locks (hogwild), each run and rank "
          "another result",
          at_least(1));
    field("user_features", user_features,
          "history: a user is the sum of the n items so far over sqrt(n), so any history will do; "
          "identity: a vector of its own, so only the data set's users are known, by the longest "
          "training sequence that a history begins with; of users with one sequence, the first");
    field("item_features", item_features,
          "title: beside a vector of its own an item has those of the words of its title");
    field(
        "positive_rating", positive_rating,
        "a lower rating counts against an item; null: what a user did counts for it, and logistic "
        "draws as many other items against");
    field("seen", seen,
          "last: what a user had ranks behind the rest, as models that know no order are evaluated "
          "(RecBole); scored: like any item");
  }
};

constexpr size_t kSplitAfterTraining = 2;  // A history may go on by validation's and test's items.

// A number for each prefix of a history, from that of the prefix before.
uint64_t prefix_hash(uint64_t before, int32_t item) {
  return mix64(before ^ static_cast<uint64_t>(static_cast<uint32_t>(item)));
}

std::vector<int32_t> distinct(History history) {
  const std::set<int32_t> items(history.begin(), history.end());
  return {items.begin(), items.end()};
}

float history_weight(size_t items) {
  return 1 / std::sqrt(static_cast<float>(items));
}

// Lower-case words, each once.
std::set<std::string> words_of(std::string_view title) {
  std::set<std::string> words;
  std::string word;
  for (const char c : title) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      words.insert(std::exchange(word, ""));
    }
  }
  if (!word.empty()) words.insert(word);
  return words;
}

// Of each item its own feature and those of words that several titles have; weights add up to 1.
FeatureRows title_features(const Dataset& data) {
  std::map<std::string, int32_t> titles_with;
  for (int64_t item = 0; item < data.items(); ++item) {
    for (const std::string& word : words_of(data.title(item))) ++titles_with[word];
  }
  std::map<std::string, int32_t> feature_of;
  FeatureRows rows;
  rows.features_in_all = data.items();
  for (const auto& [word, titles] : titles_with) {
    if (titles > 1) feature_of[word] = static_cast<int32_t>(rows.features_in_all++);
  }
  if (feature_of.empty()) {
    throw_input("model lightfm: item_features: title needs titles; data set {} has none",
                data.name());
  }
  for (int32_t item = 0; item < data.items(); ++item) {
    std::vector<int32_t> features{item};
    for (const std::string& word : words_of(data.title(item))) {
      if (const auto found = feature_of.find(word); found != feature_of.end()) {
        features.push_back(found->second);
      }
    }
    rows.add_row(features, 1.0F / static_cast<float>(features.size()));
  }
  return rows;
}

class LightFM : public FittedModel {
 public:
  LightFM(const LightFMConfig& config, const ModelContext& context)
      : config_(config), seed_(context.seed), vectors_of_users_(count_users(context.data)) {
    const auto table = [&](const char* name, int64_t rows) {
      const Tensor zeros = torch::zeros({rows, config.width + 1}).to(context.device);
      return register_parameter(name, zeros, /*requires_grad=*/false);
    };
    users_ = table("users", vectors_of_users_);
    items_VD1_ = table("items", context.data.items());
    if (config.user_features == UserFeatures::Identity) remember_users(context.data);
  }

  bool fit(const Dataset& data, const GoOn& go_on) override {
    const FactorData factor_data = read(data);
    HybridFactors<float> factors(config_, factor_data, seed_);
    for (int64_t epoch = 0; epoch < config_.epochs; ++epoch) {
      if (!go_on()) return false;
      factors.train_epoch(epoch, config_.threads);
    }
    users_.copy_(torch::tensor(factors.user_features()).view_as(users_));
    items_VD1_.copy_(torch::tensor(factors.items()).view_as(items_VD1_));
    return true;
  }

  Tensor scores(std::span<const History> histories) override {
    const Tensor users_SD1 = config_.user_features == UserFeatures::History
                                 ? sums_of(histories)
                                 : users_.index_select(0, known_users(histories));
    const auto split = [&](const Tensor& table) {
      return table.split_with_sizes({config_.width, 1}, 1);
    };
    const auto users = split(users_SD1), items = split(items_VD1_);
    const Tensor scores_SV = torch::mm(users[0], items[0].t()) + items[1].t() + users[1];
    if (config_.seen == SeenItems::Last) put_last(histories, scores_SV);
    return scores_SV;
  }

  int64_t embedding_parameters() const override { return users_.numel() + items_VD1_.numel(); }

 private:
  int64_t count_users(const Dataset& data) const {
    return config_.user_features == UserFeatures::History ? data.items() : data.users();
  }

  FactorData read(const Dataset& data) const {
    FactorData all;
    const bool own = config_.item_features == ItemFeatures::Identity;
    all.items = own ? FeatureRows::identity(data.items()) : title_features(data);
    all.users_are_histories = config_.user_features == UserFeatures::History;
    if (!all.users_are_histories) all.users = FeatureRows::identity(data.users());
    all.users.features_in_all = vectors_of_users_;
    for (int64_t user = 0; user < data.users(); ++user) {
      const std::vector<int32_t> items = distinct(data.history(user, Split::Train));
      if (all.users_are_histories) all.users.add_row(items, history_weight(items.size()));
      add_interactions(data, static_cast<int32_t>(user), all.interactions);
    }
    if (config_.loss == FactorLoss::Logistic && !config_.positive_rating) {
      add_drawn_negatives(data, all.interactions);
    }
    return all;
  }

  void add_interactions(const Dataset& data, int32_t user, std::vector<Interaction>& all) const {
    const History history = data.history(user, Split::Train);
    const std::span<const float> ratings = data.ratings(user);
    if (config_.positive_rating && ratings.empty()) {
      throw_input("model lightfm: positive_rating needs ratings; data set {} has none",
                  data.name());
    }
    std::set<int32_t> known;
    for (size_t i = 0; i < history.size(); ++i) {
      if (!known.insert(history[i]).second) continue;
      const bool positive = !config_.positive_rating || ratings[i] >= *config_.positive_rating;
      all.push_back({user, history[i], positive});
    }
  }

  void add_drawn_negatives(const Dataset& data, std::vector<Interaction>& all) const {
    std::vector<int64_t> users;
    for (const Interaction& one : all) users.push_back(one.user);
    const std::vector<int64_t> items = draw_unseen_items(data, users, seed_);
    for (size_t i = 0; i < items.size(); ++i) {
      const auto user = static_cast<int32_t>(users[i]);
      all.push_back({user, static_cast<int32_t>(items[i]), /*positive=*/false});
    }
  }

  // [S, D + 1]
  Tensor sums_of(std::span<const History> histories) const {
    std::vector<int64_t> items, offsets;
    std::vector<float> weights;
    for (const History& history : histories) {
      const std::vector<int32_t> different = distinct(history);
      offsets.push_back(std::ssize(items));
      items.insert(items.end(), different.begin(), different.end());
      weights.insert(weights.end(), different.size(), history_weight(different.size()));
    }
    constexpr int64_t kSum = 0;
    const c10::Device device = users_.device();
    return std::get<0>(at::embedding_bag(users_, torch::tensor(items, torch::kInt64).to(device),
                                         torch::tensor(offsets, torch::kInt64).to(device),
                                         /*scale_grad_by_freq=*/false, kSum, /*sparse=*/false,
                                         torch::tensor(weights).to(device)));
  }

  void remember_users(const Dataset& data) {
    for (int64_t user = 0; user < data.users(); ++user) {
      uint64_t hash = 0;
      for (const int32_t item : data.history(user, Split::Train)) hash = prefix_hash(hash, item);
      user_of_.try_emplace(hash, user);
    }
  }

  // Whose training items the histories begin with, [S].
  Tensor known_users(std::span<const History> histories) const {
    std::vector<int64_t> users;
    for (const History& history : histories) {
      uint64_t hash = 0;
      std::optional<int64_t> user;
      for (size_t i = 0; i < history.size(); ++i) {
        hash = prefix_hash(hash, history[i]);
        const auto found = user_of_.find(hash);
        if (i + 1 + kSplitAfterTraining < history.size() || found == user_of_.end()) continue;
        user = found->second;
      }
      if (!user) {
        throw_input(
            "model lightfm: user_features: identity knows the users of its data set by their "
            "histories; one of {} items is nobody's. user_features: history takes any",
            history.size());
      }
      users.push_back(*user);
    }
    return torch::tensor(users, torch::kInt64).to(users_.device());
  }

  void put_last(std::span<const History> histories, const Tensor& scores_SV) const {
    std::vector<int64_t> places;  // In the flat scores.
    for (size_t s = 0; s < histories.size(); ++s) {
      for (const int32_t item : histories[s]) {
        places.push_back(static_cast<int64_t>(s) * scores_SV.size(1) + item);
      }
    }
    scores_SV.view(-1).index_fill_(0, torch::tensor(places, torch::kInt64).to(users_.device()),
                                   -std::numeric_limits<float>::infinity());
  }

  LightFMConfig config_;
  uint64_t seed_;
  int64_t vectors_of_users_;                       // Features of users in all.
  Tensor users_, items_VD1_;                       // Vectors, then the bias.
  std::unordered_map<uint64_t, int64_t> user_of_;  // By training history; user_features: identity.
};

std::shared_ptr<torch::nn::Module> make(const LightFMConfig& config, const ModelContext& context) {
  return std::make_shared<LightFM>(config, context);
}

const RegisterModel<LightFMConfig> kLightFM{
    "lightfm", "hybrid matrix factorisation by ranking losses (Kula 2015)", "fit", make};

}  // namespace
}  // namespace seqsweep
