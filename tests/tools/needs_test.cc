// A run that needs another run's model, from the sweep file to the tables: planned behind it,
// trained after it, failed with it, and found again by the commands that read a run's folder.
#include <gmock/gmock.h>

#include "core/base/text.h"
#include "tests/support/command.h"

namespace seqsweep {
namespace needs_test {

using ::testing::HasSubstr;

// A sasrec that starts from one trained longer, and another whose start cannot be trained.
constexpr const char* kNeedsSweep = R"(name: needs
datasets: [{name: synthetic, users: 60, items: 30, seed: 1, max_length: 20}]
models:
  - {name: sasrec, width: 8, inner_width: 16, blocks: 1, train: {epochs: 1},
     start: {train: {epochs: 2}, optimizer: {name: adam, lr: 0.01}}}
optimizers: [{name: adam, lr: 0.003}]
train: {batch_size: 16, patience: 0, threads: 1, device: cpu, log_every: 1}
latency: {samples: 0}
)";

class Needs : public testing::Test {
 protected:
  std::string run(std::vector<std::string> arguments, int code = 0) const {
    arguments.insert(arguments.begin(), kSeqsweep);
    const CommandResult result = run_command(arguments);
    EXPECT_EQ(result.code, code) << result.output;
    return result.output;
  }
  std::string sql(const std::string& text) const {
    return std::string(trim(run_command({"sqlite3", db_, text}).output));
  }

  TestFolder folder_{"needs"};
  const std::string file_ = folder_.file("sweep.yaml", kNeedsSweep), db_ = folder_.at("results.db"),
                    data_ = "data_dir=" + folder_.at("data");
};

TEST_F(Needs, TheNeededRunIsTrainedFirstAndStartsTheOther) {
  const std::string plan = run({"plan", file_, data_});
  EXPECT_THAT(plan, HasSubstr("sweep needs: 2 runs"));
  EXPECT_THAT(plan, HasSubstr("pending, waits for "));
  run({"sweep", file_, "--db", db_, data_});
  EXPECT_EQ(sql("SELECT status, epochs FROM results ORDER BY epochs"), "done|1\ndone|2");
  const std::string user = sql("SELECT run FROM dependencies"),
                    start = sql("SELECT needs_run FROM dependencies");
  EXPECT_EQ(sql("SELECT epochs FROM results WHERE run_id = '" + start + "'"), "2");
  EXPECT_EQ(sql(fmt::format("SELECT (SELECT start_ms FROM attempts WHERE run = '{}') >= "
                            "(SELECT end_ms FROM attempts WHERE run = '{}')",
                            user, start)),
            "1");
  // It went on from there: its first loss is far below that of fresh parameters.
  const std::string first_loss = "SELECT loss FROM steps WHERE step = 1 AND run = '{}'";
  EXPECT_LT(std::stod(sql(fmt::format(fmt::runtime(first_loss), user))),
            std::stod(sql(fmt::format(fmt::runtime(first_loss), start))) - 0.1);
  // The start may be thrown away: the trained model holds all that it took from it.
  std::filesystem::remove_all(db_ + ".runs/" + start);
  EXPECT_THAT(run({"evaluate", db_ + ".runs/" + user, "--data-dir", folder_.at("data")}),
              HasSubstr("ndcg@10"));
  EXPECT_THAT(run({"plan", file_, data_, "--db", db_}), Not(HasSubstr("waits for")));
}

TEST_F(Needs, ARunFailsWithTheOneThatItNeeds) {
  // A loss that overflows at once.
  const std::string bad = "models.0.start.optimizer.lr=1e30";
  run({"sweep", file_, "--db", db_, data_, bad}, 1);
  EXPECT_EQ(sql("SELECT count(*) FROM results WHERE status = 'failed'"), "2");
  EXPECT_THAT(sql("SELECT error FROM results WHERE attempts = 0"), HasSubstr("needs run "));
  EXPECT_THAT(run({"status", db_}), HasSubstr("which failed"));
  run({"retry", db_, "--failed"});
  EXPECT_THAT(run({"status", db_}), HasSubstr("waits for run "));
}

TEST_F(Needs, TrainTrainsWhatTheRunNeeds) {
  const std::string output =
      run({"train", "synthetic", "sasrec", "--db", db_, data_, "dataset.users=60",
           "dataset.items=30", "model.width=8", "model.start={train: {epochs: 1}}",
           "train.epochs=2", "train.device=cpu", "latency.samples=0"});
  const std::string user = sql("SELECT run FROM dependencies");
  EXPECT_THAT(output, HasSubstr(db_ + ".runs/" + user));
  EXPECT_EQ(sql("SELECT count(*) FROM results WHERE status = 'done'"), "2");
}

}  // namespace needs_test
}  // namespace seqsweep
