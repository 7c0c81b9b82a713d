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
            "\\begin{table}[!htbp]\n"
            "\\centering\n"
            "\\caption{Films \\& more}\n"
            "\\label{tab:ml-1m}\n"
            "\\medskip\n"
            "\\sbox0{\\begin{tabular}{lrr}\n"
            "\\toprule\n"
            "Model & \\# Parameters & HT@10 \\\\\n"
            "\\midrule\n"
            "{}SASRec & 320k (100k) & \\textbf{0.2240} $\\pm$ 0.0012 \\\\\n"
            "{}[odd] & -- & 0.1 \\\\\n"
            "\\bottomrule\n"
            "\\end{tabular}}\n"
            "\\ifdim\\wd0>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox0}\\else\\usebox0\\fi\n"
            "\\par\\raggedright\\footnotesize\n"
            "\\par\\smallskip 95 \\% of it.\n"
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

size_t count_of(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

Table long_table(size_t rows) {
  Table table{
      .slug = "long", .title = "Long", .columns = {{"Model", false}, {"n"}}, .notes = {"N."}};
  for (size_t i = 0; i < rows; ++i) table.rows.push_back({{"model " + std::to_string(i)}, {"1"}});
  return table;
}

TEST(Latex, ALongTableIsBrokenIntoPartsOfOneNumberAndWidth) {
  EXPECT_EQ(count_of(latex(long_table(40)), "\\begin{table}"), 1U);
  const std::string text = latex(long_table(101));
  EXPECT_EQ(count_of(text, "\\begin{table}"), 0U) << "LaTeX gives up on too many floats";
  EXPECT_EQ(count_of(text, "\\begin{minipage}"), 6U);
  EXPECT_EQ(count_of(text, "{}model "), 101U) << "every row once";
  EXPECT_EQ(count_of(text, "Model & n"), 6U);
  EXPECT_EQ(count_of(text, "\\hphantom{model 100} & \\hphantom{n}"), 6U);
  EXPECT_EQ(count_of(text, "\\caption{Long}\n\\label{tab:long}"), 1U);
  EXPECT_EQ(count_of(text, "\\addtocounter{table}{-1}\n\\caption[]{Long (continued)}"), 5U);
  EXPECT_EQ(count_of(text, " N.\n"), 1U) << "notes stand below the last part";
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
  write_file_atomic(folder / "table_long.tex", latex(long_table(2000)));
  write_file_atomic(folder / "tables.tex", latex_document({"table_x.tex", "table_long.tex"}));
  const std::string command =
      "cd " + folder.path().string() +
      " && pdflatex -halt-on-error -interaction=nonstopmode tables.tex > output.txt 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(folder / "output.txt");
  EXPECT_THAT(read_file(folder / "tables.log"), HasSubstr("Output written on tables.pdf"));
}

}  // namespace
}  // namespace seqsweep
