// Token for token what the Python packages give, with the real vocabularies of GPT-2 and Llama 2.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "core/base/files.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/base/utf8.h"
#include "core/text/tokenizer.h"
#include "tests/core/text/reference_tokens.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

constexpr int kTexts = 100'000;

fs::path real_data() {
  const char* chosen = std::getenv("SEQSWEEP_DATA");
  return chosen ? fs::path(chosen) : fs::path(SEQSWEEP_SOURCE_DIR) / "../shared/data";
}

void append_random_piece(std::string& text, Rng& rng) {
  constexpr std::string_view kSpaces[] = {" ",        "  ",          "\n",           "\t",
                                          "\r\n",     "\xc2\xa0",    "\xe3\x80\x80", "\xe2\x80\x89",
                                          "\xc2\x85", "\xe1\xa0\x8e"};
  constexpr std::string_view kWords[] = {
      "the",         "The",       "it's",          "WE'LL", "don't", "Toy Story (1995)",
      "caf\xc3\xa9", "e\xcc\x81", "<|endoftext|>", "</s>",  "<s>",   "\xe2\x96\x81",
      "'",           "''s",       "1,234.50",      "!!!",   "--",    "<0x41>"};
  const auto code_point = [&](uint64_t below) {
    char32_t c = static_cast<char32_t>(rng.below(below));
    if (c >= 0xd800 && c < 0xe000) c = 0xfffd;
    append_utf8(text, c);
  };
  switch (rng.below(8)) {
    case 0:
      return code_point(0x110000);
    case 1:
      return code_point(0x3000);
    case 2:
      return code_point(0x20000);
    case 3:
      return code_point(0x80);
    case 4:
      for (uint64_t n = 1 + rng.below(6); n > 0; --n)
        text += kSpaces[rng.below(std::size(kSpaces))];
      return;
    case 5:
      text += static_cast<char>(rng.below(256));
      return;  // Often no UTF-8.
    case 6:
      for (uint64_t n = 1 + rng.below(8); n > 0; --n)
        text += static_cast<char>('a' + rng.below(26));
      return;
    default:
      text += kWords[rng.below(std::size(kWords))];
      return;
  }
}

std::vector<std::string> random_texts(uint64_t seed) {
  Rng rng(seed);
  std::vector<std::string> texts(kTexts);
  for (std::string& text : texts) {
    for (uint64_t n = rng.below(24); n > 0; --n) append_random_piece(text, rng);
  }
  // A long one in which pieces are merged over and over.
  for (int i = 0; i < 5000; ++i) texts.back() += "aA \xe4\xb8\xad"[rng.below(6)];
  return texts;
}

// Fields of the lines of a file; `latin1`: its bytes are code points.
std::vector<std::string> titles_of(const fs::path& path, const std::string& separator,
                                   bool latin1) {
  std::vector<std::string> titles;
  for (const std::string& line : split(read_file(path), '\n')) {
    const size_t at = line.find(separator);
    if (at == std::string::npos) continue;
    std::string title = line.substr(at + separator.size());
    title.resize(std::min(title.size(), title.find(separator)));  // Genres follow.
    if (latin1) {
      std::string decoded;
      for (const char c : title) append_utf8(decoded, static_cast<unsigned char>(c));
      title = decoded;
    }
    titles.push_back(title);
  }
  return titles;
}

class RealTokenizer : public ::testing::Test {
 protected:
  // Skips without the vocabulary `name` or a Python with these packages.
  void require(const std::string& name, const std::string& packages) {
    folder_ = real_data() / "tokenizers" / name;
    if (!fs::exists(folder_)) {
      GTEST_SKIP() << "no " << folder_ << ": set SEQSWEEP_DATA to a folder that has it";
    }
    if (!python_has(packages)) {
      GTEST_SKIP() << test_python() << " lacks " << packages << ": set SEQSWEEP_PYTHON";
    }
  }

  void compare(const std::vector<std::string>& texts, const Tokenizer& tokenizer,
               const std::string& kind, const fs::path& path) {
    const auto expected = reference_tokens(texts, kind, path);
    ASSERT_EQ(expected.size(), texts.size());
    size_t tokens = 0;
    int wrong = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      tokens += expected[i].size();
      const std::vector<int32_t> made = tokenizer.encode(texts[i]);
      if (made == expected[i]) continue;
      ADD_FAILURE() << "'" << printable(texts[i])
                    << "'\n  made: " << fmt::format("{}", fmt::join(made, " "))
                    << "\n  want: " << fmt::format("{}", fmt::join(expected[i], " "));
      ASSERT_LT(++wrong, 5);
    }
    std::cout << texts.size() << " texts, " << tokens << " tokens, all equal\n";
  }

  void compare_all(const Tokenizer& tokenizer, const std::string& kind, const fs::path& path) {
    const uint64_t seed = std::random_device{}();
    std::cout << "seed " << seed << "\n";
    compare(random_texts(seed), tokenizer, kind, path);
    const fs::path movies = real_data() / "ml-1m/movies.dat";
    if (fs::exists(movies)) compare(titles_of(movies, "::", true), tokenizer, kind, path);
    const fs::path beauty = real_data() / "amazon-beauty-2014/item_titles.tsv";
    if (fs::exists(beauty)) compare(titles_of(beauty, "\t", false), tokenizer, kind, path);
  }

  fs::path folder_;
};

TEST_F(RealTokenizer, GptTwoEqualsHuggingFace) {
  require("gpt2", "tokenizers");
  if (IsSkipped()) return;
  compare_all(*load_tokenizer(folder_), "gpt2", folder_);
}

TEST_F(RealTokenizer, LlamaTwoEqualsSentencePiece) {
  require("llama2", "sentencepiece");
  if (IsSkipped()) return;
  compare_all(*load_tokenizer(folder_), "sentencepiece", folder_ / "tokenizer.model");
}

}  // namespace
}  // namespace seqsweep
