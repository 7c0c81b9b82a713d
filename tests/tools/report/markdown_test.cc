#include "tools/report/markdown.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

TEST(Markdown, ATableReadsAsWritten) {
  const Table table{.title = "MovieLens-1M",
                    .paper_table = 3,
                    .columns = {{"Model", false}, {"n"}, {"HT@10"}},
                    .rows = {{{"SASRec"}, {"3"}, {"0.2240", "± 0.0012", true}},
                             {{"Mamba4Rec (adam)"}, {"0/3"}, {}}},
                    .notes = {"1 pending.", "a | b"}};
  EXPECT_EQ(markdown(table),
            "## Table 3: MovieLens-1M\n"
            "\n"
            "| Model | n | HT@10 |\n"
            "| :--- | ---: | ---: |\n"
            "| SASRec | 3 | **0.2240** ± 0.0012 |\n"
            "| Mamba4Rec (adam) | 0/3 | – |\n"
            "\n"
            "- 1 pending.\n"
            "- a \\| b\n");
}

TEST(Markdown, WithoutNotesNothingFollowsTheTable) {
  const Table table{.title = "toy", .columns = {{"Model", false}}, .rows = {{{"a"}}}};
  EXPECT_EQ(markdown(table), "## toy\n\n| Model |\n| :--- |\n| a |\n");
}

TEST(Markdown, HostileTextsAreShownNotObeyed) {
  EXPECT_EQ(markdown_escape("a|b"), "a\\|b");
  EXPECT_EQ(markdown_escape("`rm -rf`"), "\\`rm -rf\\`");
  EXPECT_EQ(markdown_escape("<script>&"), "&lt;script&gt;&amp;");
  EXPECT_EQ(markdown_escape("[x](y) ![z]"), "\\[x\\](y) \\!\\[z\\]");
  EXPECT_EQ(markdown_escape("**b** _i_ ~s~ #1 $m$"), "\\*\\*b\\*\\* \\_i\\_ \\~s\\~ \\#1 \\$m\\$");
  EXPECT_EQ(markdown_escape("\\|"), "\\\\\\|") << "an escape must not eat ours";
  EXPECT_EQ(markdown_escape("a\n| b\x1b[31m"), "a\\\\n\\| b\\\\x1b\\[31m");
  EXPECT_EQ(markdown_escape("ml-1m 中"), "ml-1m 中");
}

}  // namespace
}  // namespace seqsweep
