#include "tools/report/gnuplot.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "core/base/error.h"
#include "tools/report/figure_script.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class GnuplotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!gnuplot_installed()) GTEST_SKIP() << "gnuplot is not installed";
  }
};

Figure figure_named(const std::string& name) {
  Panel panel{.x = {.label = name, .from = 0}, .y = {.label = name}};
  for (const Look look : {Look::Curve, Look::Line, Look::Solid, Look::Dotted, Look::Points,
                          Look::Hollow, Look::Front, Look::HollowFront}) {
    panel.series.push_back(
        {name, 3, look, {{.x = 1, .y = 0.5, .low = 0.4, .high = 0.6}, {.x = 2, .y = 0.7}}});
  }
  panel.labels = {{{.x = 1, .y = 0.5}, name, Side::Above}};
  return {"figure", name, {panel}, "", {}};
}

TEST_F(GnuplotTest, DrawsTheSameBytesTwice) {
  const std::string script = figure_script(figure_named("net"));
  const Drawing first = draw({{"figure", script}})[0], second = draw({{"figure", script}})[0];
  EXPECT_THAT(first.svg, StartsWith("<?xml"));
  EXPECT_THAT(first.svg, HasSubstr("<text>net</text>"));
  EXPECT_THAT(first.pdf, StartsWith("%PDF"));
  EXPECT_EQ(first.svg, second.svg);
  EXPECT_THAT(first.pdf, HasSubstr("/CreationDate (D:19700101000000"));
  EXPECT_EQ(first.pdf, second.pdf);
}

TEST_F(GnuplotTest, HostileNamesAreShownAndNotRun) {
  const std::string trap = "seqsweep-gnuplot-trap";
  std::filesystem::remove(std::filesystem::temp_directory_path() / trap);
  const std::string touch = "touch " + (std::filesystem::temp_directory_path() / trap).string();
  const std::string name = "'; !" + touch + "\n`" + touch + "` \"<b>\" {/Bold x} _^ % @A \\";
  const Drawing drawing = draw({{"figure", figure_script(figure_named(name))}})[0];
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::temp_directory_path() / trap));
  EXPECT_THAT(drawing.svg, HasSubstr("\\n`touch "));
  EXPECT_THAT(drawing.svg, HasSubstr("<text>’; !touch "));
}

TEST_F(GnuplotTest, AFailureTellsWhatGnuplotSays) {
  try {
    draw({{"figure", "plot no_such_function(x)\n"}});
    FAIL() << "drew nothing";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::World);
    EXPECT_THAT(error.what(), HasSubstr("no_such_function"));
  }
}

TEST_F(GnuplotTest, AScriptThatDrawsNothingIsAFailure) {
  EXPECT_THROW(draw({{"figure", "x = 1\n"}}), Error);
}

TEST_F(GnuplotTest, WithoutItOnThePathItIsMissing) {
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  EXPECT_FALSE(gnuplot_installed());
  ::setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace seqsweep
