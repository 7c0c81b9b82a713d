#include "tools/report/html.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <regex>

#include "core/base/files.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHostile = "<script>alert(1)</script>\"'&<!-- ]]> \n\x1b[31m";

TEST(Html, ATableReadsAsWritten) {
  const Table table{.slug = "ml-1m",
                    .title = "MovieLens-1M",
                    .paper_table = 3,
                    .columns = {{"Model", false}, {"HT@10"}},
                    .rows = {{{"SASRec"}, {"0.2240", "± 0.0012", true, "†"}}, {{"net"}, {}}},
                    .notes = {"1 pending."}};
  EXPECT_EQ(html(table),
            "<h2 id=\"table_ml-1m\">Table 3: MovieLens-1M</h2>\n"
            "<div class=\"wide\"><table>\n"
            "<thead><tr><th scope=\"col\">Model</th><th scope=\"col\" class=\"n\">HT@10</th></tr>"
            "</thead>\n<tbody>\n"
            "<tr><td>SASRec</td><td class=\"n\"><strong>0.2240</strong><sup>†</sup> "
            "<span class=\"spread\">± 0.0012</span></td></tr>\n"
            "<tr><td>net</td><td class=\"n\">–</td></tr>\n"
            "</tbody>\n</table></div>\n"
            "<ul class=\"notes\">\n<li>1 pending.</li>\n</ul>\n");
}

Figure figure(const std::string& title) {
  return {.slug = "figure_x", .title = title, .panels = {}, .csv = "", .notes = {title}};
}

TEST(Html, HostileTextsAreShownNotObeyed) {
  const Table table{.slug = "x",
                    .title = kHostile,
                    .columns = {{kHostile, false}},
                    .rows = {{{kHostile, kHostile, true, kHostile}}},
                    .notes = {kHostile}};
  const std::string page =
      html_report(kHostile, {table}, {{figure(kHostile), "<svg></svg>"}}, {kHostile});
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("<!--")));
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_THAT(html_escape("a\"b'c&<>"), "a&quot;b&#39;c&amp;&lt;&gt;");
}

// The policy also keeps a browser from it.
TEST(Html, AsksForNothingOutside) {
  const std::string page = html_report("results.db", {}, {{figure("f"), "<svg></svg>"}}, {});
  EXPECT_THAT(page, HasSubstr("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
  EXPECT_FALSE(std::regex_search(page, std::regex("(src|href)=\"[^#]")));
  EXPECT_THAT(page, Not(HasSubstr("url(")));
}

TEST(Html, FiguresDoNotShareNames) {
  const std::string svg =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE svg>\n<svg><defs><circle id='gpDot'/></defs>"
      "<use xlink:href='#gpDot'/></svg>\n";
  const std::string page = html_report("r", {}, {{figure("f"), svg}}, {});
  EXPECT_THAT(page, HasSubstr("<figure aria-label=\"f\"><svg><defs><circle id='figure_x_gpDot'/>"
                              "</defs><use xlink:href='#figure_x_gpDot'/></svg>"));
  EXPECT_THAT(page, Not(HasSubstr("<?xml")));
}

TEST(Html, SaysWhatIsNotDrawn) {
  const std::string page = html_report("r", {}, {{figure("f"), ""}}, {"no latency yet."});
  EXPECT_THAT(page, HasSubstr("gnuplot is missing"));
  EXPECT_THAT(page, HasSubstr("<li>no latency yet.</li>"));
}

}  // namespace
}  // namespace seqsweep
