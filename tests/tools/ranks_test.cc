// One run divided over two ranks trains what one rank trains: the global batch is the same, the
// gradients are sums over the ranks.
#include <gtest/gtest.h>

#include "core/base/text.h"
#include "tests/support/command.h"

namespace seqsweep {
namespace {

const std::string kSeqsweep = std::string(SEQSWEEP_BIN_DIR) + "/seqsweep";

constexpr const char* kSweep = R"(name: ranks
datasets: [{name: synthetic, users: 200, items: 80, seed: 1, max_length: 20}]
models: [{name: sasrec, width: 16, inner_width: 32, blocks: 1}]
optimizers: [{name: adam, lr: 0.003}]
seeds: [1]
train: {batch_size: 16, epochs: 3, patience: 0, threads: 1, device: cpu}
latency: {samples: 2, users: 10}
)";

// The sweep with train.ranks = `ranks`, on as many workers: its database.
std::string sweep_on(const TestFolder& folder, int ranks) {
  const std::string db = folder.at(fmt::format("ranks{}.db", ranks));
  const CommandResult result = run_command(
      {"mpirun", "-n", std::to_string(ranks + 1), kSeqsweep, "sweep", folder.at("sweep.yaml"),
       "--db", db, fmt::format("train.ranks={}", ranks), "data_dir=" + folder.at("data")});
  EXPECT_EQ(result.code, 0) << result.output;
  return db;
}

std::vector<double> numbers(const std::string& db, const std::string& sql) {
  std::vector<double> values;
  for (const std::string& line : split(run_command({"sqlite3", db, sql}).output, '\n')) {
    if (!line.empty()) values.push_back(std::stod(line));
  }
  return values;
}

TEST(Ranks, TwoTrainWhatOneTrains) {
  if (run_command({"mpirun", "--version"}).code != 0) GTEST_SKIP() << "no mpirun on PATH";
  const TestFolder folder("ranks");
  folder.file("sweep.yaml", kSweep);
  const std::string one = sweep_on(folder, 1), two = sweep_on(folder, 2);
  EXPECT_EQ(numbers(two, "SELECT ranks FROM results"), std::vector<double>{2});

  const std::string losses = "SELECT loss FROM steps ORDER BY step";
  const std::vector<double> of_one = numbers(one, losses), of_two = numbers(two, losses);
  ASSERT_EQ(of_one.size(), of_two.size());
  ASSERT_GT(of_one.size(), 2U);
  for (size_t i = 0; i < of_one.size(); ++i) EXPECT_NEAR(of_two[i], of_one[i], 1e-4 * of_one[i]);
  EXPECT_LT(of_one.back(), of_one.front());

  // Every user is ranked once, whoever ranks them: the mean over users is close, not a sum of
  // halves.
  const std::string mrr = "SELECT mrr_10 FROM results";
  EXPECT_NEAR(numbers(two, mrr).at(0), numbers(one, mrr).at(0), 0.01);
}

}  // namespace
}  // namespace seqsweep
