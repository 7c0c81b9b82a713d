// Ranks a retriever's candidates, as LlamaRec (Yue et al. 2023): the language model learns to
// answer with the letter of the next item.
#include <torch/types.h>

#include <algorithm>
#include <numeric>

#include "core/base/error.h"
#include "core/lm/candidate_ranker.h"
#include "core/train/training_examples.h"
#include "kernels/linear_cross_entropy.h"

namespace seqsweep {

namespace {

struct RankCandidatesConfig : CandidateRankerConfig {
  TrainPool train_pool = TrainPool::Random;
  bool shuffle = true;
  int64_t prefixes = 1, pool_size = 0;

  void fields(auto&& field) {
    CandidateRankerConfig::fields(field);
    field(
        "train_pool", train_pool,
        "what the next item is to be told from in training. random: items that the user had not "
        "had by then (LlamaRec); retrieved: the retriever's best, as at test: where it is none of "
        "them, there is nothing to learn");
    field("shuffle", shuffle, "pools are in random order in training; false: as retrieved");
    field("prefixes", prefixes, "of each user's, drawn anew each epoch; 0: all of them",
          at_least(0));
    field("pool_size", pool_size,
          "random pools hold so many candidates, of as many letters, drawn anew for each: a small "
          "model from scratch first learns from few what letters stand for; 0: all `candidates`",
          between(0, 26));
  }
};

class RankCandidates : public Task {
 public:
  RankCandidates(const RankCandidatesConfig& config, const TaskContext& context)
      : config_(config),
        data_(context.data),
        device_(context.device),
        seed_(context.seed),
        ranker_(config, context, "objective rank_candidates"),
        examples_(TrainingExamples::of_prefixes(*data_, config.prefixes)) {
    if (!config.shuffle && config.train_pool == TrainPool::Random) {
      throw_input("objective rank_candidates: shuffle: false needs train_pool: retrieved");
    }
    const int64_t size = config.pool_size;
    if (size != 0 &&
        (config.train_pool == TrainPool::Retrieved || size == 1 || size > config.candidates)) {
      throw_input(
          "objective rank_candidates: pool_size: 0, or with train_pool: random from 2 to the {} "
          "candidates, is {}",
          config.candidates, size);
    }
  }

  torch::nn::Module& module() override { return ranker_.model(); }
  int64_t embedding_parameters() const override { return ranker_.model().embedding_parameters(); }
  int64_t tokens() const override { return ranker_.tokens(); }

  int64_t begin_epoch(int64_t epoch) override {
    return examples_.begin_epoch(Rng(seed_of(seed_, kOrder, epoch)));
  }

  // Of the letter of the next item, among all tokens. An item that is in no pool is no target.
  LossSum loss(std::span<const int64_t> examples, uint64_t seed) override {
    torch::manual_seed(seed);
    std::vector<History> histories;
    std::vector<int32_t> targets;
    for (const int64_t index : examples) {
      const auto& [user, window] = examples_[index];
      const History history = data_->history(user, Split::Train);
      histories.push_back(history.first(window.end));
      targets.push_back(history[window.end]);
    }
    const std::vector<Pool> pools = draw_pools(histories, targets, seed_of(seed, kPools));
    Rng rng(seed_of(seed, kLetters));
    std::vector<Tokens> prompts;
    std::vector<int64_t> answers;
    for (size_t i = 0; i < histories.size(); ++i) {
      const auto place = std::ranges::find(pools[i], targets[i]);
      if (place == pools[i].end()) continue;
      const std::vector<int64_t> letters = draw_letters(pools[i].size(), rng);
      prompts.push_back(ranker_.prompt()(histories[i], pools[i], letters));
      answers.push_back(ranker_.prompt().letters()[letters[place - pools[i].begin()]]);
    }
    if (prompts.empty()) return {torch::zeros({}, torch::device(device_).requires_grad(true)), 0};
    return {linear_cross_entropy(ranker_.answer_states(prompts), ranker_.model().output_embedding(),
                                 {}, torch::tensor(answers, torch::kInt64).to(device_)),
            std::ssize(answers)};
  }

  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split split) override {
    return ranker_.target_ranks(users, split);
  }
  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    return ranker_.recommend(histories, count, seen);
  }
  std::map<std::string, double> more_metrics(Split, std::span<const int32_t> ranks) override {
    return ranker_.retrieved_metrics(ranks);
  }

 private:
  enum Purpose : uint64_t { kOrder = 1, kPools = 2, kLetters = 3 };

  // Which of all letters are those of a pool of so many candidates, in order: of a small one any,
  // else the first, as at test.
  std::vector<int64_t> draw_letters(size_t count, Rng& rng) const {
    std::vector<int64_t> letters(config_.candidates);
    std::iota(letters.begin(), letters.end(), 0);
    if (config_.pool_size > 0) shuffle(std::span(letters), rng);
    letters.resize(count);
    std::ranges::sort(letters);
    return letters;
  }

  // Random ones have their targets.
  std::vector<Pool> draw_pools(std::span<const History> histories, std::span<const int32_t> targets,
                               uint64_t seed) const {
    Rng rng(seed);
    std::vector<Pool> pools;
    if (config_.train_pool == TrainPool::Retrieved) {
      pools = ranker_.retrieve(histories, Seen::Listed);
    } else {
      for (size_t i = 0; i < histories.size(); ++i) {
        pools.push_back(ranker_.random_pool(histories[i], targets.subspan(i, 1), rng));
        if (config_.pool_size > 0 && std::ssize(pools.back()) > config_.pool_size) {
          pools.back().resize(config_.pool_size);
        }
      }
    }
    if (config_.shuffle) {
      for (Pool& pool : pools) shuffle(std::span(pool), rng);
    }
    return pools;
  }

  RankCandidatesConfig config_;
  std::shared_ptr<const Dataset> data_;
  torch::Device device_;
  uint64_t seed_;
  CandidateRanker ranker_;
  TrainingExamples examples_;
};

std::unique_ptr<Task> make(const RankCandidatesConfig& config, const TaskContext& context) {
  return std::make_unique<RankCandidates>(config, context);
}

const RegisterObjective<RankCandidatesConfig> kRankCandidates{
    "rank_candidates",
    "a language model orders what another run retrieves, by the letters of a prompt (LlamaRec)",
    make,
    {{"needs", {{"retriever", "lrurec"}}}}};

}  // namespace

}  // namespace seqsweep
