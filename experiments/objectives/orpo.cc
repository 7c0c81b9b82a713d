// ORPO on LlamaRec (Hong et al. 2024; the paper's sections 2 and 3.5): of two candidates of a pool,
// the letter of the one that a user likes better is to be likelier than the other's.
#include <torch/types.h>

#include <algorithm>
#include <numeric>

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
  int64_t users = 0, parts = 5;

  void fields(auto&& field) {
    CandidateRankerConfig::fields(field);
    field("beta", beta, "how much the odds count beside the likelihood of the chosen; 0: SFT",
          at_least(0));
    field("nll_on", nll_on, "answer: the likelihood of the letter alone; all: of the prompt too");
    field("users", users, "pairs are made of the first so many; 0: all of them", at_least(0));
    field("held_out", held_out, "of the pairs' users, to measure preferences on; the rest trains",
          between_below(0, 1));
    field("parts", parts,
          "an epoch trains one of so many parts of the pairs, so that validation comes that often",
          at_least(1));
  }
};

class Orpo : public Task {
 public:
  Orpo(const OrpoConfig& config, const TaskContext& context)
      : config_(config),
        data_(context.data),
        seed_(context.seed),
        negatives_(context.needs.at("negatives")),
        go_on_(context.go_on),
        ranker_(config, context, "objective orpo") {}

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
    std::vector<AnsweredPrompt> prompts;
    for (const int64_t index : examples) {
      const int64_t pair = order_[first_ + index];
      prompts.push_back(answered(training_[pair], seed_of(seed_, kPools, pass_, pair)));
    }
    const PreferenceTerms terms = preference_terms(ranker_.model(), prompts, config_.nll_on);
    return {orpo_losses(terms, config_.beta).sum(), std::ssize(examples)};
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
    for (const bool held_out : {false, true}) {
      const auto& pairs = held_out ? held_out_ : training_;
      for (size_t i = 0; i < pairs.size(); ++i) {
        const AnsweredPrompt texts = answered(
            pairs[i], held_out ? seed_of(seed_, kHeldOutPools, i) : seed_of(seed_, kPools, 0, i));
        const Json line = {
            {"prompt", text_of(texts.prompt)},
            {"chosen", text_of(texts.chosen)},
            {"rejected", text_of(texts.rejected)},
            {"user", data_->user_key(pairs[i].user)},
            {"part", pairs[i].part == PreferencePair::Part::Ratings ? "ratings" : "worst"},
            {"held_out", held_out}};
        lines += dump(line) + "\n";
      }
    }
    write_file_atomic(folder / "preferences.jsonl", lines);
  }

  // On the held-out pairs, by TRL's names; and of the users whose target was retrieved.
  std::map<std::string, double> more_metrics(Split split, std::span<const int32_t> ranks) override {
    std::map<std::string, double> means = ranker_.retrieved_metrics(ranks);
    if (split != Split::Validation) return means;
    make_pairs();
    constexpr size_t kPairsAtOnce = 16;
    for (size_t begin = 0; begin < held_out_.size(); begin += kPairsAtOnce) {
      std::vector<AnsweredPrompt> prompts;
      for (size_t i = begin; i < std::min(begin + kPairsAtOnce, held_out_.size()); ++i) {
        prompts.push_back(answered(held_out_[i], seed_of(seed_, kHeldOutPools, i)));
      }
      const torch::NoGradGuard no_grad;
      const auto sums =
          preference_sums(preference_terms(ranker_.model(), prompts, config_.nll_on), config_.beta);
      for (const auto& [name, sum] : sums)
        means[name] += sum / static_cast<double>(held_out_.size());
    }
    return means;
  }

 private:
  enum Purpose : uint64_t { kOrder = 1, kPools = 2, kHeldOut = 3, kHeldOutPools = 4 };

  // Once, where they are first wanted: counting parameters and recommending do without.
  void make_pairs() {
    if (!negatives_) return;
    const PreferencePairs made = preference_pairs(*data_, *negatives_, config_.users, go_on_);
    negatives_.reset();
    for (const PreferencePair& pair : made.pairs) {
      Rng rng(seed_of(seed_, kHeldOut, pair.user));
      (rng.uniform() < config_.held_out ? held_out_ : training_).push_back(pair);
    }
    log_info(
        "objective orpo: {} pairs to train on, {} held out; {} users with equal ratings of "
        "their last two items, {} without ratings",
        training_.size(), held_out_.size(), made.equal_ratings, made.without_ratings);
  }

  std::string text_of(const Tokens& tokens) const {
    return ranker_.model().tokenizer().decode(tokens);
  }

  // Both in a pool of items that the user never had, shuffled.
  AnsweredPrompt answered(const PreferencePair& pair, uint64_t seed) const {
    Rng rng(seed);
    const std::array<int32_t, 2> both = {pair.winner, pair.loser};
    Pool pool = ranker_.random_pool(data_->sequence(pair.user), both, rng);
    shuffle(std::span(pool), rng);
    const auto letter = [&](int32_t item) {
      return Tokens{ranker_.prompt().letters()[std::ranges::find(pool, item) - pool.begin()]};
    };
    return {ranker_.prompt()(pair.before, pool), letter(pair.winner), letter(pair.loser)};
  }

  OrpoConfig config_;
  std::shared_ptr<const Dataset> data_;
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
