// ORPO on LlamaRec (Hong et al. 2024; the paper's sections 2 and 3.5): of two candidates of a pool,
// the letter of the one that a user likes better is to be likelier than the other's.
#include <torch/types.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/log.h"
#include "core/lm/candidate_ranker.h"
#include "core/lm/preference_loss.h"
#include "core/lm/preference_pairs.h"

namespace seqsweep {

namespace {

struct OrpoConfig : CandidateRankerConfig {
  double beta = 0.1, held_out = 0.1;
  NllOn nll_on = NllOn::Answer;
  TrainPool train_pool = TrainPool::Random;
  int64_t users = 0, losers_among = 0, parts = 5;

  void fields(auto&& field) {
    CandidateRankerConfig::fields(field);
    field("beta", beta, "how much the odds count beside the likelihood of the chosen; 0: SFT",
          at_least(0));
    field("nll_on", nll_on, "answer: the likelihood of the letter alone; all: of the prompt too");
    field("train_pool", train_pool,
          "what the two stand among. random: items that the user never had, in any order; "
          "retrieved: the retriever's best in its order, the loser in the place of any where it is "
          "none of them; without a winner among them there is nothing to learn");
    field(
        "losers_among", losers_among,
        "a loser is the worst of so many most popular items: the worst of all are ones that hardly "
        "anybody had; 0: of all",
        at_least(0));
    field("users", users, "pairs are made of the first so many; 0: all of them", at_least(0));
    field("held_out", held_out, "of the pairs' users, to measure preferences on; the rest trains",
          between_below(0, 1));
    field("parts", parts,
          "an epoch trains one of so many parts of the pairs, so that validation comes that often",
          at_least(1));
  }
};

int64_t place_of(int32_t item, const Pool& pool) {
  return std::ranges::find(pool, item) - pool.begin();
}
bool has(const Pool& pool, int32_t item) {
  return place_of(item, pool) < std::ssize(pool);
}

class Orpo : public Task {
 public:
  Orpo(const OrpoConfig& config, const TaskContext& context)
      : config_(config),
        data_(context.data),
        device_(context.device),
        seed_(context.seed),
        negatives_(context.needs.at("negatives")),
        go_on_(context.go_on),
        ranker_(config, context, "objective orpo") {
    if (negatives_->list_length() < data_->items()) {
      throw_input(
          "objective orpo: negatives: needs a model that orders all {} items; this one lists {}",
          data_->items(), negatives_->list_length());
    }
  }

  torch::nn::Module& module() override { return ranker_.model(); }
  int64_t embedding_parameters() const override { return ranker_.model().embedding_parameters(); }
  int64_t tokens() const override { return ranker_.tokens(); }

  // A part of the pairs in an order that is drawn anew when all parts are through.
  int64_t begin_epoch(int64_t epoch) override {
    make_pairs();
    order_.resize(training_.size());
    std::iota(order_.begin(), order_.end(), 0);
    Rng rng(seed_of(seed_, kOrder, epoch / config_.parts));
    shuffle(std::span(order_), rng);
    const auto share = [&](int64_t part) { return std::ssize(order_) * part / config_.parts; };
    const int64_t part = epoch % config_.parts;
    first_ = share(part);
    pass_ = epoch / config_.parts;
    return share(part + 1) - first_;
  }

  LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
    torch::manual_seed(seed);
    std::vector<PreferencePair> pairs;
    std::vector<uint64_t> seeds;
    for (const int64_t index : examples) {
      const int64_t pair = order_[first_ + index];
      pairs.push_back(training_[pair]);
      seeds.push_back(seed_of(seed_, kPools, pass_, pair));
    }
    const std::vector<AnsweredPrompt> prompts = present(answered(pairs, seeds));
    if (prompts.empty()) return {torch::zeros({}, torch::device(device_).requires_grad(true)), 0};
    const PreferenceTerms terms = preference_terms(ranker_.model(), prompts, config_.nll_on);
    return {orpo_losses(terms, config_.beta).sum(), std::ssize(prompts)};
  }

  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
    return ranker_.target_ranks(users, split);
  }
  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    return ranker_.recommend(histories, count, seen);
  }

  // preferences.jsonl: a pair a line, as TRL reads them, in the pools of the first pass.
  void write_data(const std::filesystem::path& folder) override {
    make_pairs();
    std::string lines;
    int64_t not_retrieved = 0;
    for (const bool held_out : {false, true}) {
      in_groups(held_out, [&](auto pairs, const auto& prompts) {
        for (size_t i = 0; i < pairs.size(); ++i) {
          if (!prompts[i]) {
            ++not_retrieved;
            continue;
          }
          const Json line = {
              {"prompt", text_of(prompts[i]->prompt)},
              {"chosen", text_of(prompts[i]->chosen)},
              {"rejected", text_of(prompts[i]->rejected)},
              {"user", data_->user_key(pairs[i].user)},
              {"part", pairs[i].part == PreferencePair::Part::Ratings ? "ratings" : "worst"},
              {"held_out", held_out}};
          lines += dump(line) + "\n";
        }
      });
    }
    if (not_retrieved > 0) {
      log_info("objective orpo: {} of {} pairs teach nothing: their winner is not retrieved",
               not_retrieved, training_.size() + held_out_.size());
    }
    write_file_atomic(folder / "preferences.jsonl", lines);
  }

  // On the held-out pairs, by TRL's names; and of the users whose target was retrieved.
  std::map<std::string, double> more_metrics(Split split, std::span<const int32_t> ranks) override {
    std::map<std::string, double> metrics = ranker_.retrieved_metrics(ranks);
    if (split != Split::Validation) return metrics;
    make_pairs();
    const torch::NoGradGuard no_grad;
    std::map<std::string, double> sums;
    int64_t count = 0;
    in_groups(true, [&](auto, const auto& answered) {
      const std::vector<AnsweredPrompt> prompts = present(answered);
      if (prompts.empty()) return;
      const auto of_group =
          preference_sums(preference_terms(ranker_.model(), prompts, config_.nll_on), config_.beta);
      for (const auto& [name, sum] : of_group) sums[name] += sum;
      count += std::ssize(prompts);
    });
    for (const auto& [name, sum] : sums) metrics[name] = sum / static_cast<double>(count);
    return metrics;
  }

 private:
  enum Purpose : uint64_t { kOrder = 1, kPools = 2, kHeldOut = 3, kHeldOutPools = 4 };
  using MaybeAnswered = std::optional<AnsweredPrompt>;

  // Once, where they are first wanted: counting parameters and recommending do without.
  void make_pairs() {
    if (!negatives_) return;
    const PreferencePairs made =
        preference_pairs(*data_, *negatives_,
                         {.users = config_.users, .losers_among = config_.losers_among}, go_on_);
    negatives_.reset();
    for (const PreferencePair& pair : made.pairs) {
      Rng rng(seed_of(seed_, kHeldOut, pair.user));
      (rng.uniform() < config_.held_out ? held_out_ : training_).push_back(pair);
    }
    const int64_t by_ratings =
        std::ranges::count(made.pairs, PreferencePair::Part::Ratings, &PreferencePair::part);
    log_info(
        "objective orpo: {} pairs to train on, {} held out; {} by ratings, {} against a worst "
        "item; left out: {} users with equal ratings of their last two items, {} without ratings, "
        "{} with too few items, {} without a worst item",
        training_.size(), held_out_.size(), by_ratings, std::ssize(made.pairs) - by_ratings,
        made.equal_ratings, made.without_ratings, made.too_short, made.without_worst);
    if (std::ssize(training_) < config_.parts) {
      throw_input(
          "objective orpo: {} pairs to train on are fewer than the {} `parts` of an epoch; fewer "
          "parts, more `users`, a smaller `held_out` or larger `losers_among` would do",
          training_.size(), config_.parts);
    }
  }

  // The held-out pairs or those to train on, some at a time, with their prompts of the first pass.
  void in_groups(bool held_out,
                 const std::function<void(std::span<const PreferencePair>,
                                          const std::vector<MaybeAnswered>&)>& visit) const {
    constexpr size_t kPairsAtOnce = 16;
    const std::span<const PreferencePair> all = held_out ? held_out_ : training_;
    for (size_t begin = 0; begin < all.size(); begin += kPairsAtOnce) {
      const auto pairs = all.subspan(begin, std::min(kPairsAtOnce, all.size() - begin));
      std::vector<uint64_t> seeds;
      for (size_t i = begin; i < begin + pairs.size(); ++i) {
        seeds.push_back(held_out ? seed_of(seed_, kHeldOutPools, i) : seed_of(seed_, kPools, 0, i));
      }
      visit(pairs, answered(pairs, seeds));
      go_on_();
    }
  }

  static std::vector<AnsweredPrompt> present(const std::vector<MaybeAnswered>& prompts) {
    std::vector<AnsweredPrompt> kept;
    for (const MaybeAnswered& prompt : prompts) {
      if (prompt) kept.push_back(*prompt);
    }
    return kept;
  }

  std::string text_of(const Tokens& tokens) const {
    return ranker_.model().tokenizer().decode(tokens);
  }

  // Nothing of a pair whose winner is not in its pool.
  std::vector<MaybeAnswered> answered(std::span<const PreferencePair> pairs,
                                      std::span<const uint64_t> seeds) const {
    const std::vector<Pool> pools = config_.train_pool == TrainPool::Random
                                        ? random_pools(pairs, seeds)
                                        : retrieved_pools(pairs, seeds);
    std::vector<MaybeAnswered> prompts(pairs.size());
    for (size_t i = 0; i < pairs.size(); ++i) {
      const PreferencePair& pair = pairs[i];
      if (!has(pools[i], pair.winner)) continue;
      const auto letter = [&](int32_t item) {
        return Tokens{ranker_.prompt().letters()[place_of(item, pools[i])]};
      };
      prompts[i] = {ranker_.prompt()(pair.before, pools[i]), letter(pair.winner),
                    letter(pair.loser)};
    }
    return prompts;
  }

  // Both among items that the user never had, shuffled.
  std::vector<Pool> random_pools(std::span<const PreferencePair> pairs,
                                 std::span<const uint64_t> seeds) const {
    std::vector<Pool> pools;
    for (size_t i = 0; i < pairs.size(); ++i) {
      Rng rng(seeds[i]);
      const std::array<int32_t, 2> both = {pairs[i].winner, pairs[i].loser};
      pools.push_back(ranker_.random_pool(data_->sequence(pairs[i].user), both, rng));
      shuffle(std::span(pools.back()), rng);
    }
    return pools;
  }

  // As retrieved, but for the user's validation and test items where they are neither winner nor
  // loser. A loser that is not retrieved takes the place of any item but the winner.
  std::vector<Pool> retrieved_pools(std::span<const PreferencePair> pairs,
                                    std::span<const uint64_t> seeds) const {
    constexpr int64_t kHeldOutItems = 2;
    std::vector<History> histories;
    for (const PreferencePair& pair : pairs) histories.push_back(pair.before);
    std::vector<Pool> pools = ranker_.retrieve(histories, Seen::Listed, kHeldOutItems);
    for (size_t i = 0; i < pairs.size(); ++i) {
      const PreferencePair& pair = pairs[i];
      Pool& pool = pools[i];
      const History held_out = data_->sequence(pair.user).last(kHeldOutItems);
      std::erase_if(pool, [&](int32_t item) {
        return item != pair.winner && item != pair.loser &&
               std::ranges::find(held_out, item) != held_out.end();
      });
      if (std::ssize(pool) > config_.candidates) pool.resize(config_.candidates);
      if (!has(pool, pair.winner) || has(pool, pair.loser)) continue;
      if (pool.size() == 1) pool.push_back(pair.loser);
      const auto other = static_cast<int64_t>(Rng(seeds[i]).below(pool.size() - 1));
      pool[other < place_of(pair.winner, pool) ? other : other + 1] = pair.loser;
    }
    return pools;
  }

  OrpoConfig config_;
  std::shared_ptr<const Dataset> data_;
  torch::Device device_;
  uint64_t seed_;
  std::shared_ptr<Task> negatives_;  // Until the pairs are made.
  GoOn go_on_;
  CandidateRanker ranker_;
  std::vector<PreferencePair> training_, held_out_;
  std::vector<int64_t> order_;  // Of training_, in this pass.
  int64_t first_ = 0, pass_ = 0;
};

std::unique_ptr<Task> make(const OrpoConfig& config, const TaskContext& context) {
  return std::make_unique<Orpo>(config, context);
}

const RegisterObjective<OrpoConfig> kOrpo{
    "orpo",
    "odds-ratio preference optimization of a candidate ranker (Hong et al. 2024)",
    make,
    {{"needs", {{"retriever", "lrurec"}, {"negatives", "lightfm"}}}}};

}  // namespace

}  // namespace seqsweep
