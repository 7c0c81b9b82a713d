#include "core/lm/generation.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace seqsweep {

namespace {

using torch::Tensor;

// A text that goes on, or one that might.
struct Beam {
  int64_t row = 0;  // Of the model's rows: what it continues.
  std::vector<int32_t> tokens;
  double log_probability = 0;
};

// One prompt's search.
class Search {
 public:
  Search(const BeamOptions& options, int64_t row) : options_(options), running_{{.row = row}} {}

  const std::vector<Beam>& running() const { return running_; }
  int64_t wanted() const { return 2 * options_.beams; }

  // tokens, log_probabilities: the likeliest next tokens of every running beam, `count` each.
  void extend(const int64_t* tokens, const float* log_probabilities, int64_t count) {
    std::vector<Beam> candidates;
    for (const Beam& beam : running_) {
      for (int64_t i = 0; i < count; ++i) {
        candidates.push_back({beam.row, beam.tokens, beam.log_probability + *log_probabilities++});
        candidates.back().tokens.push_back(static_cast<int32_t>(*tokens++));
      }
    }
    const auto better = [](const Beam& a, const Beam& b) {
      return a.log_probability > b.log_probability;
    };
    const int64_t kept = std::min<int64_t>(wanted(), std::ssize(candidates));
    std::partial_sort(candidates.begin(), candidates.begin() + kept, candidates.end(), better);
    candidates.resize(kept);
    ++length_;
    running_.clear();
    for (int64_t i = 0; i < kept; ++i) {
      Beam& candidate = candidates[i];
      if (!ends(candidate)) {
        if (std::ssize(running_) < options_.beams) running_.push_back(std::move(candidate));
      } else if (i < options_.beams) {  // Of what just ended, only the best count.
        end(std::move(candidate));
      }
    }
    if (!may_improve()) running_.clear();
  }

  // The running beams are now the model's rows from `next` on.
  void number_rows(int64_t& next) {
    for (Beam& beam : running_) beam.row = next++;
  }

  std::vector<GeneratedText> ended() && { return std::move(ended_); }

 private:
  bool ends(const Beam& beam) const {
    return length_ >= options_.max_tokens ||
           (options_.end_token && beam.tokens.back() == *options_.end_token);
  }

  void end(Beam beam) {
    GeneratedText text{std::move(beam.tokens), score(beam.log_probability)};
    if (options_.end_token && text.tokens.back() == *options_.end_token) text.tokens.pop_back();
    const auto place =
        std::ranges::upper_bound(ended_, text.score, std::greater(), &GeneratedText::score);
    ended_.insert(place, std::move(text));
    if (std::ssize(ended_) > options_.beams) ended_.pop_back();
  }

  double score(double log_probability) const {
    return log_probability / std::pow(static_cast<double>(length_), options_.length_penalty);
  }

  // Whether a running beam, at its present length, would still displace one that has ended.
  bool may_improve() const {
    if (running_.empty()) return false;
    if (std::ssize(ended_) < options_.beams) return true;
    if (options_.early_stopping) return false;
    return score(running_.front().log_probability) > ended_.back().score;
  }

  const BeamOptions& options_;
  std::vector<Beam> running_;         // Best first.
  std::vector<GeneratedText> ended_;  // Likewise.
  int64_t length_ = 0;
};

}  // namespace

std::vector<std::vector<int32_t>> generate_greedily(LanguageModel& model,
                                                    const PackedSequences& prompts,
                                                    const GenerationOptions& options) {
  const torch::NoGradGuard no_grad;
  auto [states_RD, texts] = model.begin(prompts);
  std::vector<std::vector<int32_t>> written(prompts.host_offsets.size() - 1);
  std::vector<int64_t> text_of_row(written.size());
  std::iota(text_of_row.begin(), text_of_row.end(), 0);
  for (int64_t step = 0; step < options.max_tokens && !text_of_row.empty(); ++step) {
    if (step > 0) {
      std::vector<int64_t> rows, tokens, going_on;
      for (int64_t row = 0; row < std::ssize(text_of_row); ++row) {
        const int32_t last = written[text_of_row[row]].back();
        if (options.end_token && last == *options.end_token) continue;
        rows.push_back(row);
        tokens.push_back(last);
        going_on.push_back(text_of_row[row]);
      }
      text_of_row = std::move(going_on);
      if (rows.empty()) break;
      states_RD = texts->advance(rows, tokens);
    }
    const Tensor best_R = next_logits(model, states_RD).argmax(1).cpu();
    for (size_t row = 0; row < text_of_row.size(); ++row) {
      written[text_of_row[row]].push_back(static_cast<int32_t>(best_R.data_ptr<int64_t>()[row]));
    }
  }
  for (std::vector<int32_t>& text : written) {
    if (options.end_token && !text.empty() && text.back() == *options.end_token) text.pop_back();
  }
  return written;
}

std::vector<std::vector<GeneratedText>> beam_search(LanguageModel& model,
                                                    const PackedSequences& prompts,
                                                    const BeamOptions& options) {
  const torch::NoGradGuard no_grad;
  auto [states_RD, texts] = model.begin(prompts);
  std::vector<Search> searches;
  for (size_t s = 0; s + 1 < prompts.host_offsets.size(); ++s) {
    searches.emplace_back(options, static_cast<int64_t>(s));
  }
  const int64_t count = std::min<int64_t>(2 * options.beams, model.vocabulary());
  while (true) {
    const Tensor logits_RV = next_logits(model, states_RD);
    const auto [top_RC, tokens_RC] = logits_RV.topk(count, 1);
    const Tensor log_probabilities_RC =
        (top_RC - logits_RV.logsumexp(1, true)).to(torch::kFloat).cpu().contiguous();
    const Tensor tokens = tokens_RC.cpu().contiguous();
    std::vector<int64_t> rows, next;
    int64_t read = 0;
    for (Search& search : searches) {
      const auto beams = std::ssize(search.running());
      if (beams == 0) continue;
      search.extend(tokens.data_ptr<int64_t>() + read * count,
                    log_probabilities_RC.data_ptr<float>() + read * count, count);
      read += beams;
      for (const Beam& beam : search.running()) {
        rows.push_back(beam.row);
        next.push_back(beam.tokens.back());
      }
    }
    if (rows.empty()) break;
    states_RD = texts->advance(rows, next);
    int64_t row = 0;
    for (Search& search : searches) search.number_rows(row);
  }
  std::vector<std::vector<GeneratedText>> found;
  for (Search& search : searches) found.push_back(std::move(search).ended());
  return found;
}

}  // namespace seqsweep
