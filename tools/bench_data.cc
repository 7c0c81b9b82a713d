// The data pipeline at scale, without torch: writes a CSV of synthetic rows, and takes a CSV from
// raw to an open cache. tools/bench_data.py runs it beside the same steps in pandas.
//   bench_data make CSV ROWS      bench_data run CSV FOLDER
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/random.h"
#include "core/data/registry.h"
#include "core/data/synthetic.h"

namespace seqsweep {
namespace {

constexpr int64_t kDay_us = 86'400'000'000;

// Shuffled rows and whole days: users lie scattered over the file, and many times are equal, so
// that a wrong order of ties shows.
void make_csv(const std::string& path, int64_t rows) {
  constexpr int64_t kMeanLength = 10;
  InteractionTable table;
  // A few rows too many, whatever the lengths drawn; a tenth as many items as users.
  const int64_t users = rows / (kMeanLength - 1) + 100;
  make_synthetic_interactions(
      {.users = users, .items = users / 10 + 100, .mean_length = kMeanLength}, table);
  std::vector<uint32_t> order(static_cast<size_t>(table.size()));
  std::iota(order.begin(), order.end(), 0);
  Rng rng(1);
  shuffle(std::span(order), rng);
  AtomicFile file(path);
  fmt::memory_buffer text;
  fmt::format_to(fmt::appender(text), "user,item,rating,timestamp\n");
  for (const uint32_t row : std::span(order).first(static_cast<size_t>(rows))) {
    fmt::format_to(fmt::appender(text), "{},{},{:.1f},{}\n", table.user_keys().key(table.user[row]),
                   table.item_keys().key(table.item[row]), table.rating[row],
                   table.time_us[row] / kDay_us * (kDay_us / 1'000'000));
    if (text.size() > (1 << 20)) {
      file.write(text.data(), text.size());
      text.clear();
    }
  }
  file.write(text.data(), text.size());
  file.commit();
}

// What pandas must find too: keys, lengths, order, ratings and times, all in one number.
std::string hash_of(const Dataset& data) {
  Sha256 hash;
  const auto add_keys = [&](int64_t count, auto&& key_of) {
    for (int64_t i = 0; i < count; ++i) {
      const std::string line = fmt::format("{}\n", key_of(i));
      hash.update(line.data(), line.size());
    }
  };
  const auto add_column = [&](auto&& of_user) {
    for (int64_t user = 0; user < data.users(); ++user) {
      const auto part = of_user(user);
      hash.update(part.data(), part.size_bytes());
    }
  };
  add_keys(data.users(), [&](int64_t user) { return data.user_key(user); });
  add_keys(data.items(), [&](int64_t item) { return data.item_key(item); });
  add_keys(data.users(), [&](int64_t user) { return data.sequence(user).size(); });
  add_column([&](int64_t user) { return data.sequence(user); });
  add_column([&](int64_t user) { return data.ratings(user); });
  add_column([&](int64_t user) { return data.timestamps(user); });
  return hash.hex();
}

void run(const std::string& csv, const std::string& folder) {
  ::setenv("SEQSWEEP_CACHE", folder.c_str(), 1);
  const double start_s = monotonic_s();
  const auto data = datasets().make({{"name", "csv"}, {"path", csv}}, DatasetContext{folder});
  const double prepare_s = monotonic_s() - start_s;
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  const Json result = {{"users", data->users()},
                       {"items", data->items()},
                       {"interactions", data->interactions()},
                       {"seconds", prepare_s},
                       {"cpu_seconds", seconds(usage.ru_utime) + seconds(usage.ru_stime)},
                       {"peak_mb", static_cast<double>(usage.ru_maxrss) * 1024 / 1e6},
                       {"hash", hash_of(*data)}};
  fmt::print("{}\n", result.dump());
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 3 && arguments[0] == "make") {
      seqsweep::make_csv(arguments[1], std::stoll(arguments[2]));
    } else if (arguments.size() == 3 && arguments[0] == "run") {
      seqsweep::run(arguments[1], arguments[2]);
    } else {
      fmt::print(stderr, "usage: bench_data make CSV ROWS | bench_data run CSV FOLDER\n");
      return seqsweep::kExitBadInput;
    }
  } catch (const seqsweep::Error& error) {
    fmt::print(stderr, "bench_data: {}\n", error.what());
    return error.exit_code();
  }
  return seqsweep::kExitDone;
}
