#include "tools/report/report.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "core/base/error.h"
#include "tests/tools/report/support.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<ReportFile> files_of(RunStore& store) {
  return make_report(read_report_data(store.database(), paper()), paper()).files;
}

std::map<std::string, std::string> by_name(const std::vector<ReportFile>& files) {
  std::map<std::string, std::string> texts;
  for (const ReportFile& file : files) texts[file.name] = file.text;
  return texts;
}

std::vector<PlannedRun> small_sweep() {
  return {planned_run("s1", run_config("ml-1m", "sasrec", 1)),
          planned_run("s2", run_config("ml-1m", "sasrec", 2)),
          planned_run("h1", run_config("ml-1m", "hydra4rec", 1)),
          planned_run("h2", run_config("ml-1m", "hydra4rec", 2)),
          planned_run("t1", run_config("toy", "net", 1))};
}

// Half done: both seeds of one model, one of two of the next, nothing on the toy data.
void fill(RunStore& store) {
  store.add_sweep("quick", "name: quick", small_sweep());
  finish(store, "s1", result_of(0.117, 0.25));
  finish(store, "s2", result_of(0.119, 0.35));
  finish(store, "h1", result_of(0.18, 0.01));
  fail(store, "h2", "loss is NaN at step 7");
}

constexpr const char* kLegend =
    "n: runs (seeds). Metrics: mean ± standard deviation over them; the best in bold. Latency: "
    "mean "
    "time of one recommendation, from the lowest to the highest bound of the runs' 95 % intervals. "
    "Parameters: all (without embeddings).";

TEST(Report, MarkdownOfAHalfFinishedSweep) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  fill(store);
  const auto files = files_of(store);
  ASSERT_EQ(files.front().name, "tables.md");
  EXPECT_EQ(
      files.front().text,
      "## Table 3: MovieLens-1M\n"
      "\n"
      "| Model | n | HT@10 | Paper | NDCG@10 | Paper | MRR@10 | Paper | Latency (ms) | Paper "
      "| \\# Parameters | Paper |\n"
      "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
      "| SASRec | 2 | 0.2360 ± 0.0028 | 0.224 ×1.05 | 0.1180 ± 0.0014 | 0.117 ×1.01 | "
      "0.0590 ± 0.0007 | 0.084 ×0.70 | 0.300 \\[0.225, 0.385\\] | 0.128 | 320k (100k) | 320k "
      "(100k) ×1.00 |\n"
      "| Hydra4Rec | 1/2 | **0.3600** | 0.308 ×1.17 | **0.1800** | 0.179 ×1.01 | **0.0900** | "
      "0.140 ×0.64 | "
      "**0.0100** \\[0.0090, 0.0110\\] | 0.0005 | 320k (100k) | 290k ×1.10 |\n"
      "\n"
      "- " +
          std::string(kLegend) +
          "\n"
          "- Paper: its Table 3, with ours over its figure (×). It names no unit of latency, and "
          "says "
          "that it measured language models in tokens per second.\n"
          "- Hydra4Rec, seed 2: failed: loss is NaN at step 7\n"
          "\n"
          "## toy\n"
          "\n"
          "| Model | n | HT@10 | NDCG@10 | MRR@10 | Latency (ms) | \\# Parameters |\n"
          "| :--- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
          "| net | 0/1 | – | – | – | – | – |\n"
          "\n"
          "- " +
          std::string(kLegend) +
          "\n"
          "- net: 0 of 1 runs done; 1 pending.\n"
          "\n"
          "## Table 4: Datasets\n"
          "\n"
          "| Dataset | Users | Paper | Items | Paper | Interactions | Paper | Mean length | "
          "Density (%) |\n"
          "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
          "| MovieLens-1M | 6,040 | 6,041 ×1.00 | 3,416 | 3,417 ×1.00 | 999,611 | 999,611 ×1.00 "
          "| 165.50 | 4.84 |\n"
          "\n"
          "- Density: interactions in % of users × items. An item that a user takes again counts "
          "again, as the paper counts all reviews, so that it can be above 100 %.\n");
}

TEST(Report, EveryTableIsAlsoLatexAndCsv) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  fill(store);
  std::vector<std::string> names;
  const auto files = files_of(store);
  for (const ReportFile& file : files) names.push_back(file.name);
  EXPECT_THAT(names, ElementsAre("tables.md", "table_ml-1m.csv", "table_ml-1m.tex", "table_toy.csv",
                                 "table_toy.tex", "table_datasets.csv", "table_datasets.tex",
                                 "tables.tex"));
  const auto texts = by_name(files);
  EXPECT_THAT(
      texts.at("table_ml-1m.tex"),
      HasSubstr(
          "{}Hydra4Rec & 1/2 & \\textbf{0.3600} & 0.308 ×1.17 & \\textbf{0.1800} & 0.179 "
          "×1.01 & \\textbf{0.0900} & 0.140 ×0.64 & \\textbf{0.0100} [0.0090, 0.0110] & 0.0005 & "
          "320k (100k) & 290k ×1.10 \\\\\n"));
  EXPECT_THAT(texts.at("table_ml-1m.csv"), HasSubstr("\nml-1m,,hydra4rec,,2,1,0.36,,0.308,0.18,"));
  EXPECT_THAT(texts.at("tables.tex"), HasSubstr("\\input{table_ml-1m.tex}\n\\input{table_toy.tex}\n"
                                                "\\input{table_datasets.tex}\n"));
}

TEST(Report, TheSameRunsGiveTheSameBytesInWhateverOrderTheyCame) {
  const TemporaryFolder folder;
  RunStore first(folder / "a.db"), second(folder / "b.db");
  fill(first);
  std::vector<PlannedRun> turned = small_sweep();
  std::ranges::reverse(turned);
  second.add_sweep("quick", "name: quick", turned);
  fail(second, "h2", "loss is NaN at step 7");
  finish(second, "h1", result_of(0.18, 0.01));
  finish(second, "s2", result_of(0.119, 0.35));
  finish(second, "s1", result_of(0.117, 0.25));
  const auto a = by_name(files_of(first));
  EXPECT_EQ(a, by_name(files_of(first)));
  EXPECT_EQ(a, by_name(files_of(second)));
}

TEST(Report, HostileNamesStayInTheirCellsAndFolder) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  store.add_sweep("quick", "name: quick",
                  std::vector{planned_run("a", run_config("../../etc/x|y", "<b>|`m`", 1)),
                              planned_run("b", run_config("../../etc/x,y", "=2+3", 1)),
                              planned_run("c", run_config("datasets", "m", 1))});
  finish(store, "a", result_of(0.1, 1));
  fail(store, "b", "=HYPERLINK(\"x\")\n\\input{secret} | <img>");
  std::vector<std::string> names;
  for (const ReportFile& file : files_of(store)) {
    EXPECT_EQ(file.name.find('/'), std::string::npos);
    names.push_back(file.name);
  }
  EXPECT_THAT(names, ElementsAre("tables.md", "table_.._.._etc_x_y.csv", "table_.._.._etc_x_y.tex",
                                 "table_.._.._etc_x_y-2.csv", "table_.._.._etc_x_y-2.tex",
                                 "table_datasets.csv", "table_datasets.tex", "table_datasets-2.csv",
                                 "table_datasets-2.tex", "tables.tex"));
  const auto texts = by_name(files_of(store));
  EXPECT_THAT(texts.at("tables.md"), HasSubstr("| &lt;b&gt;\\|\\`m\\` | 1 |"));
  EXPECT_THAT(texts.at("tables.md"), Not(HasSubstr("<img>")));
  EXPECT_THAT(texts.at("table_.._.._etc_x_y.tex"), Not(HasSubstr("\\input")));
  EXPECT_THAT(texts.at("table_.._.._etc_x_y.csv"), HasSubstr(",,'=2+3,,1,0,"));
}

TEST(Report, ADatabaseWithoutRunsSaysWhatToDo) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  try {
    files_of(store);
    FAIL() << "made tables of nothing";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_THAT(error.what(), HasSubstr("holds no runs; 'seqsweep sweep FILE.yaml --db"));
  }
}

}  // namespace
}  // namespace seqsweep
