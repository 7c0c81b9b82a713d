#include "tools/dashboard/api.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "db/queries.h"
#include "tests/tools/dashboard/support.h"
#include "tools/report/report.h"
#include "tools/report/results_table.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

class Api : public ::testing::Test {
 protected:
  Api() { fill_for_dashboard(store_); }
  Database& database() { return store_.database(); }
  Json run_of(const std::string& id) {
    const Json overview = overview_json(database(), 0);
    for (const Json& run : overview.at("runs")) {
      if (run.at("id") == id) return run;
    }
    ADD_FAILURE() << id << " is missing";
    return {};
  }

  // When no test is under way any more.
  Json tested_tables(SignificanceTests& tests) {
    for (;; std::this_thread::sleep_for(std::chrono::milliseconds(5))) {
      Json tables = tables_json(database(), tests);
      const bool open = std::ranges::any_of(
          tables, [](const Json& table) { return table.value("under_way", false); });
      if (!open) return tables;
    }
  }

  TemporaryFolder folder_;
  RunStore store_{folder_ / "results.db"};
};

const Json& table_of(const Json& tables, const std::string& title) {
  return *std::ranges::find_if(tables,
                               [&](const Json& table) { return table.at("title") == title; });
}

TEST_F(Api, TheOverviewHasEveryRunWithItsFigures) {
  const Json overview = overview_json(database(), 0);
  EXPECT_EQ(overview.at("name"), "results.db");
  EXPECT_EQ(overview.at("coordinator_alive"), true);
  const Json sweep = overview.at("sweeps").at(0);
  EXPECT_EQ(sweep.at("name"), "quick");
  EXPECT_EQ(sweep.at("done"), 2);
  EXPECT_EQ(sweep.at("failed"), 1);
  EXPECT_EQ(sweep.at("pending"), 1);
  const std::vector<ResultRow> rows = read_results(database());
  ASSERT_EQ(overview.at("runs").size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const Json& run = overview.at("runs").at(i);
    EXPECT_EQ(run.at("id"), rows[i].run_id);
    EXPECT_EQ(run.at("status"), rows[i].status);
    if (rows[i].status == "done") {
      EXPECT_EQ(run.at("ndcg_10"), rows[i].ndcg_10);
    }
  }
  EXPECT_EQ(run_of("done0001").at("model"), "SASRec (adam)");
  EXPECT_EQ(run_of("done0001").at("family"), "SASRec");
  EXPECT_EQ(run_of("done0001").at("dataset"), "MovieLens-1M");
  EXPECT_TRUE(run_of("pending1").at("ndcg_10").is_null());
  EXPECT_EQ(run_of("running1").at("progress").at("fraction"), 0.25);
  EXPECT_EQ(run_of("failed01").at("error"), "bad " + kHostileName);
}

TEST_F(Api, ARunHasItsConfigEnvironmentAndLog) {
  const Json run = run_json(database(), "fail");
  EXPECT_EQ(run.at("id"), "failed01");
  EXPECT_EQ(run.at("config").at("model").at("name"), kHostileName);
  EXPECT_EQ(run.at("environment").at("git_commit"), "abc123");
  EXPECT_EQ(run.at("attempts").at(0).at("host"), "node-a");
  EXPECT_EQ(run.at("attempts").at(0).at("cause"), "error");
  EXPECT_EQ(error_of([&] { run_json(database(), "none"); }).fault(), Fault::Input);
  EXPECT_EQ(error_of([&] { run_json(database(), "done"); }).fault(), Fault::Input);
}

TEST_F(Api, CurvesAreTheStepsAndValidations) {
  const Json curves = curves_json(database(), {"done0001", "pending1"}, 400);
  const Json& one = curves.at("done0001");
  EXPECT_EQ(one.at("ndcg"), Json::parse("[[1.0,0.125],[2.0,0.25],[3.0,0.375]]"));
  EXPECT_EQ(one.at("loss").size(), 6U);
  EXPECT_EQ(one.at("batch_size"), Json::parse("[[0.5,8.0],[1.5,16.0],[2.5,16.0]]"));
  EXPECT_EQ(one.at("c2").at(0).at(1), 4);
  EXPECT_TRUE(curves.at("pending1").empty());
  EXPECT_EQ(curves_json(database(), {"done0001"}, 4).at("done0001").at("loss").size(), 4U);
  const std::vector<std::string> many(21, "done0001");
  EXPECT_THAT(error_of([&] { curves_json(database(), many, 4); }).what(), HasSubstr("at most 20"));
}

TEST_F(Api, EventsComeAfterAnIdAndTheLatestOfMany) {
  store_.add_event("note", "one");
  store_.add_event("note", "two", "done0001");
  const Json all = events_json(database(), 0, 100);
  EXPECT_EQ(all.back().at("text"), "two");
  EXPECT_EQ(all.back().at("run"), "done0001");
  EXPECT_EQ(events_json(database(), 0, 1).at(0).at("text"), "two");
  const int64_t before = all.at(all.size() - 2).at("id");
  EXPECT_EQ(events_json(database(), before, 100).size(), 1U);
}

TEST_F(Api, TablesAreThoseOfMakeTables) {
  SignificanceTests tests(database().path());
  const Json tables = tables_json(database(), tests);
  EXPECT_EQ(tables.at(0).at("title"), "MovieLens-1M");
  EXPECT_EQ(tables.at(0).at("columns").at(2).at("name"), "HT@10");
  EXPECT_EQ(tables.at(0).at("rows").at(0).at(2).at("text"), "0.2500");
  EXPECT_EQ(tables.at(0).at("rows").at(0).at(2).at("best"), true);
  EXPECT_EQ(tables.back().at("title"), "Datasets");
}

TEST_F(Api, TheMarksOfSignificanceAreThoseOfMakeTables) {
  add_ranked_runs(store_);
  SignificanceTests tests(database().path());
  const Json first = table_of(tables_json(database(), tests), "ranked");
  EXPECT_EQ(first.at("under_way"), true);
  EXPECT_THAT(first.at("notes").back(), HasSubstr("under way"));

  const Json shown = table_of(tested_tables(tests), "ranked");
  const ReportData report = read_report_data(database(), paper());
  const auto results = std::ranges::find(report.results, "ranked", &DatasetResults::dataset);
  const Table table = results_table(*results);
  size_t marks = 0;
  for (size_t row = 0; row < table.rows.size(); ++row) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      EXPECT_EQ(shown.at("rows").at(row).at(i).at("mark"), table.rows[row][i].mark);
      marks += table.rows[row][i].mark == "‡";
    }
  }
  EXPECT_EQ(marks, 3U) << "one model is worse in each metric";
  EXPECT_EQ(shown.at("notes"), Json(table.notes));
}

TEST_F(Api, TestsAreMadeAnewWhenARunIsDone) {
  add_ranked_runs(store_);
  SignificanceTests tests(database().path());
  tested_tables(tests);
  EXPECT_EQ(table_of(tables_json(database(), tests), "ranked").at("under_way"), false);
  store_.add_sweep("more", "name: more",
                   std::vector{planned_run("more", run_config("ranked", "gpt4rec", 1))});
  EXPECT_EQ(table_of(tables_json(database(), tests), "ranked").at("under_way"), false);
  finish(store_, "more", result_of_ranks(some_ranks(kRankedUsers, 9, 7)));
  EXPECT_EQ(table_of(tables_json(database(), tests), "ranked").at("under_way"), true);
  const Json shown = table_of(tested_tables(tests), "ranked");
  EXPECT_EQ(shown.at("rows").at(0).at(2).at("mark"), "‡");
}

TEST_F(Api, TestsThatFailedAreTriedAgainAfterAWhile) {
  add_ranked_runs(store_);
  const std::filesystem::path later = folder_ / "later.db";
  SignificanceTests patient(later), again(later, kTestWorkMax, /*try_again_s=*/0);
  const auto failed = [&](SignificanceTests& tests) {
    Json shown;
    do {
      shown = table_of(tables_json(database(), tests), "ranked");
    } while (shown.at("under_way"));
    return shown.at("notes").back();
  };
  EXPECT_THAT(failed(patient), HasSubstr("The tests of significance failed: "));
  tables_json(database(), again);
  database().copy_to(later);
  EXPECT_THAT(tested_tables(again).dump(), HasSubstr("‡"));
  EXPECT_THAT(failed(patient), HasSubstr("failed")) << "half a minute is not over";
}

TEST_F(Api, TestsThatTakeLongAreLeftToMakeTables) {
  add_ranked_runs(store_);
  SignificanceTests tests(database().path(), 3 * kRankedUsers - 1);
  const Json shown = table_of(tested_tables(tests), "ranked");
  EXPECT_EQ(shown.at("rows").at(2).at(2).at("mark"), "");
  EXPECT_THAT(shown.at("notes").back(), HasSubstr("for 3 runs with 400 test users"));
  SignificanceTests enough(database().path(), 3 * kRankedUsers);
  EXPECT_THAT(tested_tables(enough).dump(), HasSubstr("‡"));
}

}  // namespace
}  // namespace seqsweep
