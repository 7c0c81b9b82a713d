// The fuzzers' corpora and thousands of changes of them, without a fuzzer: the same every time, in
// every build. `tools/fuzz.sh` searches further.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>

#include "core/base/files.h"
#include "core/base/random.h"
#include "tests/fuzz/targets/targets.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

constexpr int kMutations = 3000;  // Of each target.

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::map<std::string, std::string> corpus_of(const std::string& target) {
  std::map<std::string, std::string> corpus;
  for (const auto& entry :
       fs::directory_iterator(fs::path(SEQSWEEP_SOURCE_DIR) / "tests/fuzz/corpus" / target)) {
    corpus[entry.path().filename()] = read_file(entry.path());
  }
  return corpus;
}

// Changes a text as fuzzers do: bits, bytes, numbers at their borders, pieces moved and doubled.
class Mutator {
 public:
  Mutator(uint64_t seed, std::vector<std::string> corpus)
      : rng_(seed), corpus_(std::move(corpus)) {}

  std::string next() {
    std::string text = any();
    for (uint64_t changes = 1 + rng_.below(4); changes > 0; --changes) change(text);
    return text;
  }

 private:
  const std::string& any() { return corpus_[rng_.below(corpus_.size())]; }
  size_t place(const std::string& text) { return rng_.below(text.size() + 1); }
  std::string piece(const std::string& text) {
    return text.substr(place(text), 1 + rng_.below(16));
  }

  void change(std::string& text) {
    const bool has_bytes = !text.empty();
    switch (rng_.below(7)) {
      case 0:
        if (has_bytes) text[rng_.below(text.size())] ^= static_cast<char>(1 << rng_.below(8));
        break;
      case 1:
        if (has_bytes) text[rng_.below(text.size())] = static_cast<char>(rng_.below(256));
        break;
      case 2:
        text.erase(place(text), 1 + rng_.below(16));
        break;
      case 3:
        text.insert(place(text), piece(text));
        break;
      case 4:
        text.insert(place(text), piece(any()));
        break;
      case 5:
        text.resize(place(text));
        break;
      default:
        put_number(text);
    }
  }

  void put_number(std::string& text) {
    constexpr uint64_t kBorders[] = {0,          1,          0x7f,      0x80,       0xff,
                                     0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX, 1ULL << 62};
    const uint64_t number = kBorders[rng_.below(std::size(kBorders))];
    const size_t bytes = size_t{1} << rng_.below(4);
    if (text.size() < bytes) return;
    std::memcpy(text.data() + rng_.below(text.size() - bytes + 1), &number, bytes);
  }

  Rng rng_;
  std::vector<std::string> corpus_;
};

class Fuzz : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(Fuzz, ReadsItsSeeds) {
  for (const auto& [name, text] : seeds_of(GetParam().name)) {
    // One shows that aliases are no way around the rules.
    EXPECT_EQ(GetParam().read(bytes_of(text)), name != "aliases.yaml") << name;
  }
}

TEST_P(Fuzz, ReadsOrRefusesTheCorpusAndChangesOfIt) {
  const std::map<std::string, std::string> corpus = corpus_of(GetParam().name);
  ASSERT_FALSE(corpus.empty());
  std::vector<std::string> texts;
  for (const auto& [name, text] : corpus) {
    SCOPED_TRACE(name);
    GetParam().read(bytes_of(text));
    texts.push_back(text);
  }
  Mutator mutator(seed_of(1, std::string_view(GetParam().name).size()), std::move(texts));
  int read = 0;
  for (int i = 0; i < kMutations; ++i) read += GetParam().read(bytes_of(mutator.next())) ? 1 : 0;
  EXPECT_GT(read, 0) << "nothing gets past the first check: these changes find nothing";
  EXPECT_LT(read, kMutations);
}

// After a change of a format: fuzz_test --gtest_also_run_disabled_tests --gtest_filter=*Writes*
TEST_P(Fuzz, DISABLED_WritesItsSeeds) {
  for (const auto& [name, text] : seeds_of(GetParam().name)) {
    write_file_atomic(fs::path(SEQSWEEP_SOURCE_DIR) / "tests/fuzz/corpus" / GetParam().name / name,
                      text);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz, ::testing::ValuesIn(kFuzzTargets),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace seqsweep
