#include "core/lm/candidate_ranker.h"

#include <torch/types.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/eval/metrics.h"
#include "core/train/packing.h"

namespace seqsweep {

namespace {

using torch::Tensor;

constexpr size_t kPromptsAtOnce = 32;

std::shared_ptr<LanguageModel> language_model_of(const TaskContext& context,
                                                 const std::string& who) {
  auto model = std::dynamic_pointer_cast<LanguageModel>(context.model);
  if (model == nullptr) throw_input("{}: needs a language model; this is none", who);
  return model;
}

}  // namespace

CandidateRanker::CandidateRanker(const CandidateRankerConfig& config, const TaskContext& context,
                                 const std::string& who)
    : config_(config),
      model_(language_model_of(context, who)),
      data_(context.data),
      retriever_(context.needs.at("retriever")),
      prompt_(*data_, model_->tokenizer(),
              {.history_items = config.history_items,
               .candidates = config.candidates,
               .title_tokens_max = config.title_tokens_max,
               .tokens_max = std::min(config.tokens_max, model_->max_length())}),
      letters_C_(
          torch::tensor(std::vector<int64_t>(prompt_.letters().begin(), prompt_.letters().end()))
              .to(context.device)) {
  if (data_->items() < config.candidates) {
    throw_input("{}: candidates: at most the data set's {} items, is {}", who, data_->items(),
                config.candidates);
  }
}

std::vector<int32_t> CandidateRanker::target_ranks(std::span<const int64_t> users, Split split) {
  std::vector<History> histories;
  for (const int64_t user : users) histories.push_back(data_->history(user, split));
  std::vector<int32_t> ranks = retriever_->target_ranks(users, split);
  const auto lists = ranked(histories, Seen::Listed);
  for (size_t i = 0; i < users.size(); ++i) {
    const auto place =
        std::ranges::find(lists[i], data_->target(users[i], split), &Recommendation::item);
    if (place != lists[i].end()) {
      ranks[i] = static_cast<int32_t>(place - lists[i].begin());
    } else if (ranks[i] != kNotRecommended) {
      ranks[i] = std::max(ranks[i], static_cast<int32_t>(lists[i].size()));
    }
  }
  return ranks;
}

std::map<std::string, double> CandidateRanker::retrieved_metrics(
    std::span<const int32_t> ranks) const {
  std::vector<int32_t> retrieved;
  for (const int32_t rank : ranks) {
    if (rank != kNotRecommended && rank < config_.candidates) retrieved.push_back(rank);
  }
  if (ranks.empty()) return {};
  std::map<std::string, double> metrics = {
      {"retrieved/share",
       static_cast<double>(retrieved.size()) / static_cast<double>(ranks.size())}};
  if (retrieved.empty()) return metrics;
  constexpr int64_t kCutoffs[] = {10};
  for (const Metric& metric : ranking_metrics(retrieved, kCutoffs)) {
    metrics["retrieved/" + metric.name] = metric.value;
  }
  return metrics;
}

std::vector<std::vector<Recommendation>> CandidateRanker::recommend(
    std::span<const History> histories, int64_t count, Seen seen) {
  auto lists = ranked(histories, seen);
  if (count > config_.candidates) {
    // Behind the candidates the retriever's order, with scores below theirs. A longer list need not
    // begin with the shorter one.
    const auto retrieved = retriever_->recommend(histories, count, seen);
    for (size_t i = 0; i < lists.size(); ++i) {
      std::set<int32_t> listed;
      for (const Recommendation& item : lists[i]) listed.insert(item.item);
      for (const Recommendation& next : retrieved[i]) {
        if (!listed.contains(next.item)) {
          lists[i].push_back({next.item, lists[i].back().score - 1});
        }
      }
    }
  }
  for (auto& list : lists) list.resize(std::min<size_t>(list.size(), count));
  return lists;
}

std::vector<Pool> CandidateRanker::retrieve(std::span<const History> histories, Seen seen,
                                            int64_t more) const {
  const torch::NoGradGuard no_grad;
  std::vector<Pool> pools;
  const auto lists = retriever_->recommend(histories, config_.candidates + more, seen);
  for (const auto& list : lists) {
    Pool& pool = pools.emplace_back();
    for (const Recommendation& item : list) pool.push_back(item.item);
  }
  return pools;
}

Pool CandidateRanker::random_pool(History history, std::span<const int32_t> first, Rng& rng) const {
  Pool pool(first.begin(), first.end());
  const auto absent_from = [](const auto& items, int32_t item) {
    return std::ranges::find(items, item) == items.end();
  };
  // Where a user had nearly everything, the rest comes in order.
  const int64_t draws = 100 * config_.candidates, tries = draws + data_->items();
  for (int64_t at = 0; at < tries && std::ssize(pool) < config_.candidates; ++at) {
    const auto item =
        static_cast<int32_t>(at < draws ? rng.below(data_->items()) : at % data_->items());
    if (absent_from(pool, item) && absent_from(history, item)) pool.push_back(item);
  }
  return pool;
}

Tensor CandidateRanker::answer_states(const std::vector<Tokens>& prompts) const {
  const PackedSequences packed = pack_texts(*model_, prompts);
  return model_->encode(packed).index_select(0, last_tokens(packed));
}

std::vector<std::vector<Recommendation>> CandidateRanker::ranked(std::span<const History> histories,
                                                                 Seen seen) {
  const torch::NoGradGuard no_grad;
  std::vector<std::vector<Recommendation>> lists;
  const std::vector<Pool> pools = retrieve(histories, seen);
  const Tensor letters_CD = model_->output_embedding().index_select(0, letters_C_);
  for (size_t begin = 0; begin < histories.size(); begin += kPromptsAtOnce) {
    const size_t end = std::min(begin + kPromptsAtOnce, histories.size());
    std::vector<Tokens> prompts;
    for (size_t i = begin; i < end; ++i) {
      prompts.push_back(prompt_(histories[i], pools[i]));
      tokens_ += std::ssize(prompts.back());
    }
    const Tensor logits_SC =
        torch::matmul(answer_states(prompts), letters_CD.t()).to(torch::kFloat).cpu().contiguous();
    for (size_t i = begin; i < end; ++i) {
      const float* logits =
          logits_SC.data_ptr<float>() + static_cast<int64_t>(i - begin) * config_.candidates;
      std::vector<Recommendation>& list = lists.emplace_back();
      for (size_t place = 0; place < pools[i].size(); ++place) {
        if (std::isnan(logits[place])) throw_nan_score();
        list.push_back({pools[i][place], logits[place]});
      }
      // Equal ones stay as retrieved.
      std::ranges::stable_sort(list, std::greater(), &Recommendation::score);
    }
  }
  return lists;
}

}  // namespace seqsweep
