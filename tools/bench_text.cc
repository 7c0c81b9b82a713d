// Retrieval and tokenizers on titles, without torch: writes titles and queries whose words follow
// Zipf's law, and measures the index and the tokenizers on them. tools/bench_text.py runs it beside
// the Python packages.
//   bench_text make FOLDER [TITLES QUERIES]      bench_text run FOLDER [TOKENIZER ...]
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/text/bm25.h"
#include "core/text/tokenizer.h"
#include "core/text/train_bpe.h"

namespace seqsweep {
namespace {

constexpr int64_t kWords = 120'000, kQueryWords = 8, kBest = 20;

// Word r is drawn with a probability of about 1 / (r + 3).
class ZipfWords {
 public:
  explicit ZipfWords(uint64_t seed) : rng_(seed) {
    double sum = 0;
    for (int64_t r = 0; r < kWords; ++r) {
      std::string word;
      const auto letters = static_cast<uint64_t>(2 + std::log2(r + 2) / 2);
      for (uint64_t n = letters + rng_.below(4); n > 0; --n)
        word += static_cast<char>('a' + rng_.below(26));
      if (rng_.below(2)) word[0] = static_cast<char>(word[0] - 'a' + 'A');
      words_.push_back(rng_.below(12) ? word : std::to_string(rng_.below(2000)));
      cumulative_.push_back(sum += 1 / (static_cast<double>(r) + 3));
    }
  }

  std::string text(uint64_t words) {
    std::string text;
    for (; words > 0; --words) {
      const double drawn = rng_.uniform() * cumulative_.back();
      const auto place = std::upper_bound(cumulative_.begin(), cumulative_.end(), drawn);
      if (!text.empty()) text += rng_.below(12) ? " " : ", ";
      text += words_[std::min<size_t>(place - cumulative_.begin(), words_.size() - 1)];
    }
    return text;
  }
  uint64_t below(uint64_t n) { return rng_.below(n); }

 private:
  Rng rng_;
  std::vector<std::string> words_;
  std::vector<double> cumulative_;
};

void make(const std::string& folder, int64_t titles, int64_t queries) {
  ZipfWords words(1);
  std::string title_lines, query_lines;
  for (; titles > 0; --titles) title_lines += words.text(3 + words.below(15)) + "\n";
  for (; queries > 0; --queries) query_lines += words.text(kQueryWords) + "\n";
  write_file_atomic(folder + "/titles.txt", title_lines);
  write_file_atomic(folder + "/queries.txt", query_lines);
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines = split(read_file(path), '\n');
  lines.pop_back();  // After the last newline.
  return lines;
}

// What work takes: on the clock, and of all cores together, which neighbours on the machine do not
// lengthen.
struct Cost {
  double s, cpu_s;
};

double cpu_s_now() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

Cost cost_of(const auto& work) {
  const double start_s = monotonic_s(), start_cpu_s = cpu_s_now();
  work();
  return {monotonic_s() - start_s, cpu_s_now() - start_cpu_s};
}

Json measure_search(const std::vector<std::string>& titles,
                    const std::vector<std::string>& queries) {
  std::optional<Bm25Index> index;
  const Cost indexing = cost_of([&] { index.emplace(titles); });
  Json result = {{"titles", index->documents()},
                 {"terms", index->terms()},
                 {"index_s", indexing.s},
                 {"index_cpu_s", indexing.cpu_s}};
  const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  for (const int threads : std::set{1, cores}) {
    const Cost search =
        cost_of([&] { index->search_all(queries, kBest, Bm25Parameters{}, threads); });
    const auto count = static_cast<double>(queries.size());
    result["searches"].push_back({{"threads", threads},
                                  {"queries_per_s", count / search.s},
                                  {"queries_per_cpu_s", count / search.cpu_s}});
  }
  return result;
}

Json measure_tokenizer(const Tokenizer& tokenizer, const std::vector<std::string>& titles) {
  size_t tokens = 0;
  const Cost encoding = cost_of([&] {
    for (const std::string& title : titles) tokens += tokenizer.encode(title).size();
  });
  return {{"size", tokenizer.size()},
          {"tokens", tokens},
          {"tokens_per_s", static_cast<double>(tokens) / encoding.s},
          {"tokens_per_cpu_s", static_cast<double>(tokens) / encoding.cpu_s}};
}

void run(const std::string& folder, const std::vector<std::string>& tokenizers) {
  const std::vector<std::string> titles = lines_of(folder + "/titles.txt");
  Json result = {{"search", measure_search(titles, lines_of(folder + "/queries.txt"))}};
  for (const int64_t size : {2000, 8000}) {
    std::unique_ptr<Tokenizer> trained;
    const Cost training = cost_of([&] { trained = train_byte_level_bpe(titles, size); });
    const std::string place = fmt::format("{}/trained-{}", folder, size);
    save_tokenizer(*trained, place);
    result["tokenizers"][place] = measure_tokenizer(*trained, titles);
    result["tokenizers"][place]["train_s"] = training.s;
    result["tokenizers"][place]["train_cpu_s"] = training.cpu_s;
  }
  for (const std::string& place : tokenizers) {
    result["tokenizers"][place] = measure_tokenizer(*load_tokenizer(place), titles);
  }
  fmt::print("{}\n", result.dump(1));
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 2 && arguments[0] == "make") {
      seqsweep::make(arguments[1], 211'452, 5'000);
    } else if (arguments.size() == 4 && arguments[0] == "make") {
      seqsweep::make(arguments[1], std::stoll(arguments[2]), std::stoll(arguments[3]));
    } else if (arguments.size() >= 2 && arguments[0] == "run") {
      seqsweep::run(arguments[1], {arguments.begin() + 2, arguments.end()});
    } else {
      fmt::print(stderr,
                 "usage: bench_text make FOLDER [TITLES QUERIES] | bench_text run FOLDER "
                 "[TOKENIZER ...]\n");
      return seqsweep::kExitBadInput;
    }
  } catch (const seqsweep::Error& error) {
    fmt::print(stderr, "bench_text: {}\n", error.what());
    return error.exit_code();
  }
  return seqsweep::kExitDone;
}
