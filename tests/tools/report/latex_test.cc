#include "tools/report/latex.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <string>

#include "core/base/files.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

TEST(Latex, ATableReadsAsWritten) {
  const Table table{.slug = "ml-1m",
                    .title = "Films & more",
                    .paper_table = 3,
                    .columns = {{"Model", false}, {"# Parameters"}, {"HT@10"}},
                    .rows = {{{"SASRec"}, {"320k (100k)"}, {"0.2240", "± 0.0012", true}},
                             {{"[odd]"}, {}, {"0.1"}}},
                    .notes = {"95 % of it."}};
  EXPECT_EQ(latex(table),
            "% \\usepackage[T1]{fontenc} \\usepackage{textcomp,booktabs,graphicx}\n"
            "\\begin{table}[htbp]\n"
            "\\centering\n"
            "\\caption{Films \\& more}\n"
            "\\label{tab:ml-1m}\n"
            "\\resizebox{\\textwidth}{!}{%\n"
            "\\begin{tabular}{lrr}\n"
            "\\toprule\n"
            "Model & \\# Parameters & HT@10 \\\\\n"
            "\\midrule\n"
            "{}SASRec & 320k (100k) & \\textbf{0.2240} $\\pm$ 0.0012 \\\\\n"
            "{}[odd] & -- & 0.1 \\\\\n"
            "\\bottomrule\n"
            "\\end{tabular}}\n"
            "\\par\\smallskip\\footnotesize 95 \\% of it.\n"
            "\\end{table}\n");
}

TEST(Latex, HostileTextsAreShownNotObeyed) {
  EXPECT_EQ(latex_escape("\\input{/etc/passwd}"), "\\textbackslash{}input\\{/etc/passwd\\}");
  EXPECT_EQ(latex_escape("50% & $5 #1 a_b"), "50\\% \\& \\$5 \\#1 a\\_b");
  EXPECT_EQ(latex_escape("~^<>|\"`"),
            "\\textasciitilde{}\\textasciicircum{}\\textless{}\\textgreater{}\\textbar{}"
            "\\textquotedbl{}\\textasciigrave{}");
  EXPECT_EQ(latex_escape("--lr a-b ,,x"), "-{}-lr a-b ,{},x") << "no dashes, no quotes";
  EXPECT_EQ(latex_escape("a\nb"), "a\\textbackslash{}nb");
  EXPECT_EQ(latex_escape("\xff"), "\\textbackslash{}xff");
}

TEST(Latex, CharactersWithoutAGlyphAreNamed) {
  EXPECT_EQ(latex_escape("Amélie ± 1"), "Amélie $\\pm$ 1");
  EXPECT_EQ(latex_escape("七人の侍"), "[U+4E03][U+4EBA][U+306E][U+4F8D]");
  EXPECT_EQ(latex_escape("😀"), "[U+1F600]");
}

// Every ASCII and Latin-1 character, and what LaTeX would take for commands.
TEST(Latex, WhateverItHoldsPdflatexCompilesIt) {
  if (std::system("pdflatex --version > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "pdflatex is not installed";
  }
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  for (int c = 0x80; c < 0xc0; ++c) (all += "\xc2") += static_cast<char>(c);
  for (int c = 0x80; c < 0xc0; ++c) (all += "\xc3") += static_cast<char>(c);
  const TemporaryFolder folder;
  const Table table{.slug = "x",
                    .title = "Title " + all + " 中 😀 \\end{document}",
                    .columns = {{"Model", false}, {all}},
                    .rows = {{{"[x] \\\\ " + all}, {"1", "± 2", true}}, {{"*"}, {}}},
                    .notes = {all, "?` !` --- ''"}};
  write_file_atomic(folder / "table_x.tex", latex(table));
  write_file_atomic(folder / "tables.tex", latex_document({"table_x.tex"}));
  const std::string command =
      "cd " + folder.path().string() +
      " && pdflatex -halt-on-error -interaction=nonstopmode tables.tex > output.txt 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(folder / "output.txt");
  EXPECT_THAT(read_file(folder / "tables.log"), HasSubstr("Output written on tables.pdf"));
}

}  // namespace
}  // namespace seqsweep
