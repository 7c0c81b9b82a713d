// What a run's folder is good for after the sweep: every model is trained for a moment, then scored
// and asked by the commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tests/support/command.h"
#include "tests/support/python.h"

namespace seqsweep {
namespace trained_model_test {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kSweep = R"(name: trained
datasets: [{name: synthetic, users: 80, items: 60, seed: 1, max_length: 20}]
models:
  - {name: sasrec, width: 16, inner_width: 32, blocks: 1}
  - {name: mamba4rec, width: 16, state: 4}
  - {name: 2mamba4rec, width: 16, state: 4, head_width: 8}
  - {name: hydra4rec, width: 16, state: 4, head_width: 8, objective: {prefixes: 4}}
  - popularity
optimizers: [{name: adam, lr: 0.003}]
seeds: [1]
train: {batch_size: 32, epochs: 1, threads: 1, device: cpu}
latency: {samples: 2, users: 5}
)";

// One sweep for all tests of this file.
class TrainedModel : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TestFolder>("trained");
    folder_->file("sweep.yaml", kSweep);
    const CommandResult result =
        run_command({kSeqsweep, "sweep", folder_->at("sweep.yaml"), "--db", folder_->at("r.db"),
                     "data_dir=" + folder_->at("data")});
    ASSERT_EQ(result.code, 0) << result.output;
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string query(const std::string& sql) {
    return std::string(trim(run_command({"sqlite3", folder_->at("r.db"), sql}).output));
  }
  static std::string run_of(const std::string& model) {
    return folder_->at("r.db.runs/" +
                       query("SELECT run_id FROM results WHERE model LIKE '" + model + "%'"));
  }
  // Standard output and error of `seqsweep COMMAND RUN ...`, with `input` as standard input.
  static CommandResult ask(const std::string& command, const std::string& model,
                           const std::string& rest, const std::string& input = "") {
    const std::string events = folder_->file("events", input);
    return run_command({"sh", "-c",
                        fmt::format("'{}' {} '{}' --data-dir '{}' {} < '{}'", kSeqsweep, command,
                                    run_of(model), folder_->at("data"), rest, events)});
  }

  static std::unique_ptr<TestFolder> folder_;
};
std::unique_ptr<TestFolder> TrainedModel::folder_;

TEST_F(TrainedModel, EveryModelIsTrainedAndMeasured) {
  EXPECT_EQ(query("SELECT count(*) FROM results WHERE status = 'done' AND ndcg_10 IS NOT NULL AND "
                  "latency_ms > 0"),
            "5");
}

TEST_F(TrainedModel, EvaluateGivesWhatTheSweepMeasured) {
  for (const char* model : {"sasrec", "mamba4rec", "2mamba4rec", "hydra4rec"}) {
    const CommandResult result = ask("evaluate", model, "--cutoffs 10 --json");
    ASSERT_EQ(result.code, 0) << result.output;
    const std::string measured =
        query(std::string("SELECT ndcg_10 FROM results WHERE model LIKE '") + model + "%'");
    EXPECT_NEAR(json::parse(result.output)["ndcg@10"].get<double>(), std::stod(measured), 1e-9);
  }
}

TEST_F(TrainedModel, EvaluateCanLeaveOutSeenItems) {
  const CommandResult result = ask("evaluate", "sasrec", "--cutoffs 60 --exclude-seen --json");
  ASSERT_EQ(result.code, 0) << result.output;
  const json metrics = json::parse(result.output);
  EXPECT_EQ(metrics.size(), 3U) << result.output;
  // Sixty is all items: whoever is missed here had the target before.
  EXPECT_GT(metrics["hit@60"].get<double>(), 0);
}

// The last list after events that come one by one is that of the whole history at once, whether a
// model keeps a state (mamba4rec, 2mamba4rec) or reads the history again.
TEST_F(TrainedModel, FollowingEventsEndsWhereTheWholeHistoryDoes) {
  for (const char* model : {"sasrec", "mamba4rec", "2mamba4rec", "hydra4rec", "popularity"}) {
    const CommandResult list = ask("recommend", model, "--user u1 --count 5 --json");
    ASSERT_EQ(list.code, 0) << list.output;
    std::vector<std::string> keys;
    for (const json& one : json::parse(list.output)) keys.push_back(one["item"]);
    const std::string history = fmt::format("--history '{}'", fmt::join(keys, "' '"));
    const json whole = json::parse(ask("recommend", model, history + " --json").output);
    const CommandResult followed =
        ask("recommend", model, "--follow --json", fmt::format("{}\n", fmt::join(keys, "\n")));
    ASSERT_EQ(followed.code, 0) << followed.output;
    const auto lines = split(std::string(trim(followed.output)), '\n');
    ASSERT_EQ(lines.size(), keys.size()) << followed.output;
    const json last = json::parse(lines.back());
    ASSERT_EQ(last.size(), whole.size());
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_NEAR(last[i]["score"].get<double>(), whole[i]["score"].get<double>(), 1e-4) << model;
    }
  }
}

// docs/examples/load_model.py
TEST_F(TrainedModel, PythonComputesTheSameFromItsFiles) {
  if (!python_has("torch")) GTEST_SKIP() << test_python() << " has no torch";
  std::string keys, indices;
  for (const json& one :
       json::parse(ask("recommend", "sasrec", "--user u1 --count 5 --json").output)) {
    keys += fmt::format(" '{}'", one["item"].get<std::string>());
    indices += fmt::format(" {}", one["index"].get<int64_t>());
  }
  const json ours = json::parse(ask("recommend", "sasrec", "--json --history" + keys).output);
  const CommandResult python = run_command(
      {"sh", "-c",
       fmt::format("'{}' '{}/docs/examples/load_model.py' '{}' {} 2> '{}'", test_python(),
                   SEQSWEEP_SOURCE_DIR, run_of("sasrec"), indices, folder_->at("python.log"))});
  ASSERT_EQ(python.code, 0) << read_file(folder_->at("python.log"));
  std::istringstream lines(python.output);
  for (const json& one : ours) {
    int64_t index = 0;
    double score = 0;
    lines >> index >> score;
    EXPECT_EQ(index, one["index"].get<int64_t>());
    EXPECT_NEAR(score, one["score"].get<double>(), 1e-4);
  }
}

// The items of each user in an atomic file, in the file's order.
std::vector<std::pair<std::string, std::vector<std::string>>> lists_in(const std::string& text) {
  std::vector<std::pair<std::string, std::vector<std::string>>> lists;
  for (const std::string& line : split(text, '\n')) {
    const auto cells = split(line, '\t');
    if (cells.size() != 3) continue;
    if (lists.empty() || lists.back().first != cells[0]) lists.push_back({cells[0], {}});
    lists.back().second.push_back(cells[1]);
  }
  return lists;
}

TEST_F(TrainedModel, ListsOfAllUsersAreAnAtomicFile) {
  const std::string out = folder_->at("topk.inter");
  const CommandResult result =
      ask("recommend", "sasrec", "--all-users --count 7 --out '" + out + "'");
  ASSERT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("80 users"));
  const std::string text = read_file(out);
  EXPECT_TRUE(text.starts_with("user_id:token\titem_id:token\tscore:float\n"));
  const auto lists = lists_in(text);
  ASSERT_EQ(lists.size(), 81U) << "the header and 80 users";
  for (size_t i = 1; i < lists.size(); i += 20) {
    std::vector<std::string> items;
    const std::string user = "--count 7 --json --user '" + lists[i].first + "'";
    for (const json& one : json::parse(ask("recommend", "sasrec", user).output)) {
      items.push_back(one["item"]);
    }
    EXPECT_EQ(lists[i].second, items);
  }
}

// The item that came next stands where the sweep ranked it.
TEST_F(TrainedModel, ListsBeforeTheTestItemRankItAsMeasured) {
  const CommandResult all = ask("recommend", "sasrec", "--all-users --before test --count 60");
  ASSERT_EQ(all.code, 0) << all.output;
  const auto lists = lists_in(all.output);
  ASSERT_EQ(lists.size(), 81U);
  const auto shown =
      split(ask("recommend", "sasrec", "--user '" + lists[5].first + "'").output, '\n');
  const auto next = std::ranges::find(shown, "next:");
  ASSERT_NE(next, shown.end());
  const std::string target(trim(*std::prev(next)));  // By its title, the last of its history.
  std::map<std::string, std::string> titles;
  const std::string every = "--count 60 --json --user '" + lists[5].first + "'";
  for (const json& one : json::parse(ask("recommend", "sasrec", every).output)) {
    const std::string title = one["title"];
    const std::string item = one["item"];
    titles[item] = title.empty() ? item : title;
  }
  const auto place = std::ranges::find_if(
      lists[5].second, [&](const std::string& item) { return titles[item] == target; });
  EXPECT_EQ(std::to_string(place - lists[5].second.begin()),
            query("SELECT rank FROM user_rank_rows JOIN results ON run_id = run WHERE model = "
                  "'sasrec' AND user = 4"));
}

TEST_F(TrainedModel, ListsOfAllUsersGoWithNoHistory) {
  EXPECT_EQ(ask("recommend", "sasrec", "--all-users --json").code, 2);
  EXPECT_EQ(ask("recommend", "sasrec", "--all-users --user u1").code, 2);
  EXPECT_EQ(ask("recommend", "sasrec", "--user u1 --out x").code, 2);
}

TEST_F(TrainedModel, AnUnknownEventIsToldAndSkipped) {
  const CommandResult result = ask("recommend", "mamba4rec", "--follow", "no such item\n");
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.output, HasSubstr("no item 'no such item'"));
}

TEST_F(TrainedModel, WithoutAHistoryTheErrorSaysWhatToGive) {
  const CommandResult result = ask("recommend", "mamba4rec", "");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.output, HasSubstr("--user KEY, --history"));
}

}  // namespace trained_model_test
}  // namespace seqsweep
