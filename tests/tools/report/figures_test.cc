#include "tools/report/figures.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "tests/tools/report/support.h"
#include "tools/report/figure_script.h"
#include "tools/report/report.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<PlannedRun> sweep() {
  return {planned_run("a", run_config("toy", "net", 1)),
          planned_run("u", run_config("toy", "net", 1, "usgm"))};
}

Figures figures_of(RunStore& store) {
  Database& database = store.database();
  return make_figures(database, read_report_data(database, paper()).results, paper());
}

std::vector<std::string> slugs_of(const Figures& figures) {
  std::vector<std::string> slugs;
  for (const Figure& figure : figures.drawn) slugs.push_back(figure.slug);
  return slugs;
}

TEST(Figures, AHalfFinishedSweepDrawsWhatThereIsAndSaysTheRest) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  store.add_sweep("s", "name: s", sweep());
  const Figures none = figures_of(store);
  EXPECT_TRUE(none.drawn.empty());
  EXPECT_EQ(none.missing.size(), 2U);
  finish_with_curves(store, "a", 0.1);
  const Figures half = figures_of(store);
  EXPECT_THAT(slugs_of(half), ElementsAre("figure_latency_toy"));
  ASSERT_EQ(half.missing.size(), 1U);
  EXPECT_THAT(half.missing[0], HasSubstr("net on toy: no training curves"));
  EXPECT_THAT(half.missing[0], HasSubstr("1 of 2"));
  EXPECT_THAT(figures_markdown(half), HasSubstr("\nNot drawn:\n\n- net on toy"));
  finish_with_curves(store, "u", 0.1);
  const Figures all = figures_of(store);
  EXPECT_THAT(slugs_of(all), ElementsAre("figure3_toy_net", "figure3_toy_net_steps",
                                         "figure3_toy_net_seconds", "figure_latency_toy"));
  EXPECT_THAT(figures_markdown(all), HasSubstr("![net on toy](figure3_toy_net_steps.svg)"));
}

TEST(Figures, TheSameRunsGiveTheSameFiguresInWhateverOrderTheyCame) {
  const TemporaryFolder folder;
  RunStore first(folder / "a.db"), second(folder / "b.db");
  std::vector<PlannedRun> turned = sweep();
  std::ranges::reverse(turned);
  first.add_sweep("s", "name: s", sweep());
  second.add_sweep("s", "name: s", turned);
  for (const char* run : {"a", "u"}) finish_with_curves(first, run, 0.1);
  for (const char* run : {"u", "a"}) finish_with_curves(second, run, 0.1);
  const Figures a = figures_of(first);
  const Figures b = figures_of(second);
  ASSERT_EQ(slugs_of(a), slugs_of(b));
  for (size_t i = 0; i < a.drawn.size(); ++i) {
    EXPECT_EQ(figure_script(a.drawn[i]), figure_script(b.drawn[i]));
    EXPECT_EQ(a.drawn[i].csv, b.drawn[i].csv);
  }
  EXPECT_EQ(figures_markdown(a), figures_markdown(b));
}

TEST(Figures, HostileNamesStayInTheFolder) {
  const TemporaryFolder folder;
  RunStore store(folder / "results.db");
  store.add_sweep("s", "name: s",
                  std::vector{planned_run("a", run_config("../../etc/x'y", "`m`\n/", 1))});
  finish(store, "a", result_of(0.1, 1));
  const Figures figures = figures_of(store);
  EXPECT_THAT(slugs_of(figures), ElementsAre("figure_latency_.._.._etc_x_y"));
  EXPECT_THAT(figure_script(figures.drawn[0]), HasSubstr("'../../etc/x’y'"));
}

}  // namespace
}  // namespace seqsweep
