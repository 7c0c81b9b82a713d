#include "core/text/train_bpe.h"

#include <algorithm>
#include <queue>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/utf8.h"
#include "core/text/byte_level_bpe.h"
#include "core/text/pattern.h"

namespace seqsweep {
namespace {

constexpr const char* kEnd = "<|endoftext|>";
constexpr int64_t kFirstMerged = 257;  // After kEnd and the bytes.
constexpr int64_t kOccurrencesLeast = 2;

struct Word {
  std::vector<int32_t> tokens;
  int64_t count = 0;  // In all texts.
};

using Pair = std::pair<int32_t, int32_t>;

struct PairHash {
  size_t operator()(const Pair& pair) const {
    const uint64_t both =
        static_cast<uint64_t>(pair.first) << 32 | static_cast<uint32_t>(pair.second);
    return static_cast<size_t>(both * 0x9e3779b97f4a7c15ULL >> 16);
  }
};

struct Occurrences {
  int64_t count = 0;
  std::vector<uint32_t> words;  // In which it once occurred.
};

struct Ranked {
  int64_t count;
  Pair pair;
  bool operator<(const Ranked& other) const {
    return std::tie(count, other.pair) < std::tie(other.count, pair);
  }
};

class BpeTraining {
 public:
  explicit BpeTraining(std::span<const std::string> texts) {
    entries_ = {kEnd};
    for (int byte = 0; byte < 256; ++byte) {
      entries_.push_back(byte_level_character(static_cast<unsigned char>(byte)));
    }
    std::sort(entries_.begin() + 1, entries_.end());  // UTF-8 sorts as its code points.
    for (size_t i = 0; i < entries_.size(); ++i) tokens_[entries_[i]] = static_cast<int32_t>(i);
    read_words(texts);
    for (uint32_t word = 0; word < words_.size(); ++word) {
      const std::vector<int32_t>& tokens = words_[word].tokens;
      for (size_t i = 0; i + 1 < tokens.size(); ++i) change({tokens[i], tokens[i + 1]}, 1, word);
    }
    rank_new_pairs();
  }

  void run(int64_t vocabulary_size) {
    while (static_cast<int64_t>(entries_.size()) < vocabulary_size && !queue_.empty()) {
      const Ranked top = queue_.top();
      queue_.pop();
      const int64_t count = pairs_.at(top.pair).count;
      if (count != top.count) {  // It has lost some since.
        queue_.push({count, top.pair});
        continue;
      }
      if (count < kOccurrencesLeast) break;
      merge(top.pair);
    }
  }

  TokenizerFiles files() const {
    nlohmann::json vocabulary = nlohmann::json::object(), merges = nlohmann::json::array();
    for (size_t i = 0; i < entries_.size(); ++i) vocabulary[entries_[i]] = i;
    for (const auto& [left, right] : merges_)
      merges.push_back(entries_[left] + " " + entries_[right]);
    const nlohmann::json byte_level = {{"type", "ByteLevel"},
                                       {"add_prefix_space", false},
                                       {"trim_offsets", true},
                                       {"use_regex", true}};
    const nlohmann::json end = {{"id", 0},         {"content", kEnd}, {"single_word", false},
                                {"lstrip", false}, {"rstrip", false}, {"normalized", false},
                                {"special", true}};
    const nlohmann::json model = {{"type", "BPE"},
                                  {"dropout", nullptr},
                                  {"unk_token", nullptr},
                                  {"continuing_subword_prefix", nullptr},
                                  {"end_of_word_suffix", nullptr},
                                  {"fuse_unk", false},
                                  {"byte_fallback", false},
                                  {"ignore_merges", false},
                                  {"vocab", vocabulary},
                                  {"merges", merges}};
    const nlohmann::json definition = {{"version", "1.0"},
                                       {"truncation", nullptr},
                                       {"padding", nullptr},
                                       {"added_tokens", nlohmann::json::array({end})},
                                       {"normalizer", nullptr},
                                       {"pre_tokenizer", byte_level},
                                       {"post_processor", nullptr},
                                       {"decoder", byte_level},
                                       {"model", model}};
    const nlohmann::json config = {
        {"tokenizer_class", "PreTrainedTokenizerFast"}, {"bos_token", kEnd}, {"eos_token", kEnd}};
    return {{"tokenizer.json", definition.dump(1) + "\n"},
            {"tokenizer_config.json", config.dump(1) + "\n"}};
  }

 private:
  void read_words(std::span<const std::string> texts) {
    const Pattern pattern(kByteLevelExpression, "tokenizer");
    std::unordered_map<std::string, int64_t> counts;
    std::vector<std::string_view> pieces;
    std::string piece;
    for (const std::string& text : texts) {
      const std::string valid = valid_utf8(text);
      pieces.clear();
      pattern.split(valid, pieces);
      for (const std::string_view word : pieces) ++counts[piece.assign(word)];
    }
    std::array<int32_t, 256> byte_tokens{};
    for (int byte = 0; byte < 256; ++byte) {
      byte_tokens[byte] = tokens_.at(byte_level_character(static_cast<unsigned char>(byte)));
    }
    for (const auto& [text, count] : counts) {
      Word word{.count = count};
      for (const char c : text) word.tokens.push_back(byte_tokens[static_cast<unsigned char>(c)]);
      words_.push_back(std::move(word));
    }
  }

  // A pair occurs so many times more in a word.
  void change(Pair pair, int64_t times, uint32_t word) {
    Occurrences& occurrences = pairs_[pair];
    occurrences.count += times * words_[word].count;
    if (times < 0) return;
    if (occurrences.words.empty()) new_pairs_.push_back(pair);
    if (occurrences.words.empty() || occurrences.words.back() != word)
      occurrences.words.push_back(word);
  }

  void rank_new_pairs() {
    for (const Pair& pair : new_pairs_) queue_.push({pairs_.at(pair).count, pair});
    new_pairs_.clear();
  }

  void merge(Pair pair) {
    const std::string entry = entries_[pair.first] + entries_[pair.second];
    const auto [known, fresh] = tokens_.try_emplace(entry, static_cast<int32_t>(entries_.size()));
    if (fresh) entries_.push_back(entry);
    merges_.push_back(pair);
    const std::vector<uint32_t> words = std::move(pairs_.at(pair).words);
    for (const uint32_t word : words) merge_in(word, pair, known->second);
    pairs_.erase(pair);  // Nothing is left of it.
    rank_new_pairs();
  }

  void merge_in(uint32_t word, Pair pair, int32_t merged) {
    std::vector<int32_t>& tokens = words_[word].tokens;
    size_t kept = 0;  // tokens[0 .. kept) are done; the rest begins at i.
    for (size_t i = 0; i < tokens.size();) {
      if (i + 1 == tokens.size() || tokens[i] != pair.first || tokens[i + 1] != pair.second) {
        tokens[kept++] = tokens[i++];
        continue;
      }
      if (kept > 0) {
        change({tokens[kept - 1], pair.first}, -1, word);
        change({tokens[kept - 1], merged}, 1, word);
      }
      if (i + 2 < tokens.size()) {
        change({pair.second, tokens[i + 2]}, -1, word);
        change({merged, tokens[i + 2]}, 1, word);
      }
      tokens[kept++] = merged;
      i += 2;
    }
    tokens.resize(kept);
  }

  std::vector<std::string> entries_;
  std::unordered_map<std::string, int32_t> tokens_;  // Of entries_.
  std::vector<Word> words_;
  std::unordered_map<Pair, Occurrences, PairHash> pairs_;
  std::vector<Pair> new_pairs_;  // Not yet in the queue.
  std::priority_queue<Ranked> queue_;
  std::vector<Pair> merges_;
};

}  // namespace

std::unique_ptr<Tokenizer> train_byte_level_bpe(std::span<const std::string> texts,
                                                int64_t vocabulary_size) {
  if (vocabulary_size < kFirstMerged) {
    throw_input("tokenizer: a vocabulary has at least {} entries, not {}", kFirstMerged,
                vocabulary_size);
  }
  BpeTraining training(texts);
  training.run(vocabulary_size);
  return make_tokenizer(training.files(), "a tokenizer trained here");
}

}  // namespace seqsweep
