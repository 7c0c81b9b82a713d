// Next title, as GPT4Rec (Li et al. 2023): a language model learns to write the title that is
// bought next; at test a beam search writes queries, and BM25 finds items for each. Legend: N
// tokens to predict, T tokens of a microbatch, D width, S prompts.
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/lm/generation.h"
#include "core/lm/purchase_prompt.h"
#include "core/text/bm25.h"
#include "core/train/training_examples.h"
#include "kernels/linear_cross_entropy.h"

namespace seqsweep {

namespace {

using torch::Tensor;

enum class Learnt { All, Target };
constexpr std::array<std::pair<Learnt, const char*>, 2> enum_names(Learnt) {
  return {{{Learnt::All, "all"}, {Learnt::Target, "target"}}};
}

struct NextTitleConfig {
  Learnt loss_on = Learnt::All;
  int64_t history_items = 20, title_tokens_max = 32;
  int64_t prefixes = 0, stride = 0;
  int64_t beams = 10, list_length = 10;
  std::optional<double> k1, b;
  int64_t tune_users = 200;

  void fields(auto&& field) {
    field("loss_on", loss_on,
          "all: the titles of the history are learnt too, and a text serves many targets; target: "
          "only the next title is");
    field("history_items", history_items, "the latest items that a prompt tells", at_least(1));
    field("title_tokens_max", title_tokens_max, "longer titles are cut", at_least(4));
    field("prefixes", prefixes,
          "with loss_on: target: so many of each user's, drawn anew each epoch; 0: all of them",
          at_least(0));
    field("stride", stride,
          "with loss_on: all: a longer history is told in parts, each of which learns its last so "
          "many titles; 0: half of history_items",
          at_least(0));
    field("beams", beams, "queries of a prompt (m)", at_least(1));
    field("list_length", list_length, "items that are ranked for a user (K)", at_least(1));
    field("k1", k1, "of BM25; null: the best of a grid on validation users", at_least(0));
    field("b", b, "of BM25, likewise", between(0, 1));
    field("tune_users", tune_users, "validation users, the first ones, that choose k1 and b",
          at_least(1));
  }
};

constexpr std::array<double, 4> kK1Grid = {0.6, 0.9, 1.2, 2.0};
constexpr std::array<double, 4> kBGrid = {0, 0.3, 0.6, 0.9};
constexpr int64_t kPromptsAtOnce = 16;

std::vector<std::string> titles_of(const Dataset& data) {
  std::vector<std::string> titles;
  for (int64_t item = 0; item < data.items(); ++item) titles.push_back(item_title(data, item));
  return titles;
}

TrainingExamples examples_of(const NextTitleConfig& config, const Dataset& data) {
  if (config.loss_on == Learnt::Target) {
    if (config.stride > 0) {
      throw_input("objective next_title: stride: {} needs loss_on: all", config.stride);
    }
    return TrainingExamples::of_prefixes(data, config.prefixes);
  }
  if (config.prefixes > 0) {
    throw_input("objective next_title: prefixes: {} needs loss_on: target", config.prefixes);
  }
  if (config.stride > config.history_items) {
    throw_input("objective next_title: stride: {} is more than history_items {}", config.stride,
                config.history_items);
  }
  const int64_t half = std::max<int64_t>(config.history_items / 2, 1);
  return TrainingExamples::of_positions(data, config.stride > 0 ? config.stride : half,
                                        config.history_items);
}

class NextTitle : public Task {
 public:
  NextTitle(const NextTitleConfig& config, const TaskContext& context,
            std::shared_ptr<LanguageModel> model)
      : config_(config),
        model_(std::move(model)),
        data_(context.data),
        device_(context.device),
        seed_(context.seed),
        prompt_(*data_, model_->tokenizer(),
                {.history_items = config.history_items,
                 .title_tokens_max = config.title_tokens_max,
                 .tokens_max = model_->max_length()}),
        index_(titles_of(*data_)),
        examples_(examples_of(config, *data_)),
        tuned_3_(model_->register_buffer(
            std::string(kTaskBuffer) + "bm25",
            torch::tensor({config.k1.value_or(kK1Grid[2]), config.b.value_or(kBGrid[2]),
                           std::numeric_limits<double>::quiet_NaN()},
                          torch::kDouble))) {}

  torch::nn::Module& module() override { return *model_; }
  int64_t embedding_parameters() const override { return model_->embedding_parameters(); }
  int64_t tokens() const override { return tokens_; }
  int64_t list_length() const override { return config_.list_length; }

  int64_t begin_epoch(int64_t epoch) override {
    return examples_.begin_epoch(Rng(seed_of(seed_, kOrder, epoch)));
  }

  LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
    torch::manual_seed(seed);
    std::vector<Tokens> texts;
    std::vector<int64_t> before, targets;  // Of each token to predict.
    int64_t begin = 0;
    for (const int64_t index : examples) {
      const auto& [user, window] = examples_[index];
      const History history = data_->history(user, Split::Train);
      const int64_t first =
          config_.loss_on == Learnt::All ? window.first_target + 1 - window.begin : window.end;
      PurchasePrompt::Text text = prompt_.text(
          history.subspan(window.begin, window.end - window.begin), first, history[window.end]);
      for (const int64_t place : text.learnt) {
        before.push_back(begin + place - 1);
        targets.push_back(text.tokens[place]);
      }
      begin += std::ssize(text.tokens);
      texts.push_back(std::move(text.tokens));
    }
    const Tensor states_TD = model_->encode(pack_texts(*model_, texts));
    const Tensor before_N = torch::tensor(before, torch::kInt64).to(device_);
    const Tensor targets_N = torch::tensor(targets, torch::kInt64).to(device_);
    return {linear_cross_entropy(states_TD.index_select(0, before_N), model_->output_embedding(),
                                 {}, targets_N),
            std::ssize(targets)};
  }

  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
    tune();
    const auto queries = queries_of_users(users, split);
    const auto lists = lists_of(queries, config_.list_length, {}, tuned());
    std::vector<int32_t> ranks;
    for (size_t i = 0; i < users.size(); ++i) {
      ranks.push_back(rank_in(lists[i], data_->target(users[i], split)));
    }
    return ranks;
  }

  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    return lists_of(queries_of(histories), count,
                    seen == Seen::LeftOut ? histories : std::span<const History>(), tuned());
  }

 private:
  enum Purpose : uint64_t { kOrder = 1 };
  using Queries = std::vector<std::string>;  // Of a prompt, best first.

  std::vector<Queries> queries_of_users(std::span<const int64_t> users, Split split) {
    std::vector<History> histories;
    for (const int64_t user : users) histories.push_back(data_->history(user, split));
    return queries_of(histories);
  }

  std::vector<Queries> queries_of(std::span<const History> histories) {
    const BeamOptions options{
        {.max_tokens = prompt_.answer_tokens_max(), .end_token = prompt_.end_token()},
        config_.beams};
    std::vector<Queries> all;
    for (size_t begin = 0; begin < histories.size(); begin += kPromptsAtOnce) {
      std::vector<Tokens> prompts;
      for (size_t i = begin; i < std::min(begin + kPromptsAtOnce, histories.size()); ++i) {
        prompts.push_back(prompt_(histories[i]));
        tokens_ += std::ssize(prompts.back());
      }
      for (const auto& texts : beam_search(*model_, pack_texts(*model_, prompts), options)) {
        Queries& queries = all.emplace_back();
        for (const GeneratedText& text : texts) {
          queries.push_back(model_->tokenizer().decode(text.tokens));
          tokens_ += std::ssize(text.tokens);
        }
      }
    }
    return all;
  }

  // Each query in turn adds its best K/m items that are not there yet, until K are or none has
  // more.
  std::vector<std::vector<Recommendation>> lists_of(const std::vector<Queries>& queries,
                                                    int64_t count,
                                                    std::span<const History> left_out,
                                                    const Bm25Parameters& parameters) const {
    Queries all;
    for (const Queries& of_prompt : queries)
      all.insert(all.end(), of_prompt.begin(), of_prompt.end());
    int64_t most_seen = 0;
    for (const History& history : left_out) most_seen = std::max(most_seen, std::ssize(history));
    const auto found =
        index_.search_all(all, count + most_seen, parameters, torch::get_num_threads());
    std::vector<std::vector<Recommendation>> lists;
    size_t first = 0;
    for (size_t i = 0; i < queries.size(); ++i) {
      const std::span hits = std::span(found).subspan(first, queries[i].size());
      first += queries[i].size();
      const History seen = left_out.empty() ? History() : left_out[i];
      lists.push_back(merge(hits, count, seen));
    }
    return lists;
  }

  static std::vector<Recommendation> merge(std::span<const std::vector<ScoredItem>> hits,
                                           int64_t count, History left_out) {
    std::unordered_set<int32_t> taken(left_out.begin(), left_out.end());
    std::vector<size_t> next(hits.size());
    std::vector<Recommendation> list;
    const int64_t share = hits.empty() ? 0 : std::max<int64_t>(count / std::ssize(hits), 1);
    for (bool more = true; more && std::ssize(list) < count;) {
      more = false;
      for (size_t query = 0; query < hits.size(); ++query) {
        int64_t added = 0;
        while (added < share && std::ssize(list) < count && next[query] < hits[query].size()) {
          const int32_t item = hits[query][next[query]++].item;
          if (!taken.insert(item).second) continue;
          // A place in the list is all that the scores of several queries have in common.
          list.push_back({item, static_cast<float>(-std::ssize(list))});
          ++added;
        }
        more = more || added > 0;
      }
    }
    return list;
  }

  static int32_t rank_in(const std::vector<Recommendation>& list, int32_t target) {
    const auto found = std::ranges::find(list, target, &Recommendation::item);
    return found == list.end() ? kNotRecommended : static_cast<int32_t>(found - list.begin());
  }

  Bm25Parameters tuned() const {
    const auto* values = tuned_3_.const_data_ptr<double>();
    return {.k1 = values[0], .b = values[1]};
  }

  // k1 and b for the parameters as they are now, the same on every rank.
  void tune() {
    if (config_.k1 && config_.b) return;
    double fingerprint = 0;
    for (const Tensor& parameter : model_->parameters()) {
      fingerprint += parameter.detach().abs().sum(torch::kDouble).item<double>();
    }
    auto* values = tuned_3_.data_ptr<double>();
    if (values[2] == fingerprint) return;
    std::vector<int64_t> users(std::min(config_.tune_users, data_->users()));
    std::iota(users.begin(), users.end(), 0);
    const auto queries = queries_of_users(users, Split::Validation);
    double best = -1;
    for (const double k1 : kK1Grid) {
      if (config_.k1 && k1 != kK1Grid[0]) break;
      for (const double b : kBGrid) {
        if (config_.b && b != kBGrid[0]) break;
        const Bm25Parameters parameters{.k1 = config_.k1.value_or(k1), .b = config_.b.value_or(b)};
        const double gain = gain_of(lists_of(queries, config_.list_length, {}, parameters), users);
        if (gain <= best) continue;
        best = gain;
        values[0] = parameters.k1;
        values[1] = parameters.b;
      }
    }
    values[2] = fingerprint;
  }

  double gain_of(const std::vector<std::vector<Recommendation>>& lists,
                 const std::vector<int64_t>& users) const {
    double gain = 0;
    for (size_t i = 0; i < users.size(); ++i) {
      const int32_t rank = rank_in(lists[i], data_->target(users[i], Split::Validation));
      if (rank != kNotRecommended) gain += 1 / std::log2(rank + 2.0);
    }
    return gain;
  }

  NextTitleConfig config_;
  std::shared_ptr<LanguageModel> model_;
  std::shared_ptr<const Dataset> data_;
  torch::Device device_;
  uint64_t seed_;
  PurchasePrompt prompt_;
  Bm25Index index_;
  TrainingExamples examples_;
  // Saved with the model, on the host: k1, b and a sum over the parameters that they were chosen
  // for.
  Tensor tuned_3_;
  int64_t tokens_ = 0;
};

std::unique_ptr<Task> make(const NextTitleConfig& config, const TaskContext& context) {
  auto model = std::dynamic_pointer_cast<LanguageModel>(context.model);
  if (model == nullptr) throw_input("objective next_title: needs a language model; this is none");
  return std::make_unique<NextTitle>(config, context, std::move(model));
}

const RegisterObjective<NextTitleConfig> kNextTitle{
    "next_title", "a language model writes the next title, BM25 finds the items", make};

}  // namespace

}  // namespace seqsweep
