// make_tables: the paper's tables and figures from a seqsweep database.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "db/database.h"
#include "tools/report/figure_script.h"
#include "tools/report/figures.h"
#include "tools/report/gnuplot.h"
#include "tools/report/paper.h"
#include "tools/report/report.h"

namespace {

// Scripts and data first: who has no gnuplot here can draw them elsewhere.
void make_figures(seqsweep::Database& database, const std::filesystem::path& out) {
  const seqsweep::Figures figures = seqsweep::make_figures(database, seqsweep::paper());
  seqsweep::write_file_atomic(out / "figures.md", seqsweep::figures_markdown(figures));
  for (const seqsweep::Figure& figure : figures.drawn) {
    seqsweep::write_file_atomic(out / (figure.slug + ".gp"), seqsweep::figure_script(figure));
    if (figure.csv.empty()) continue;
    seqsweep::write_file_atomic(out / (figure.slug + ".csv"), figure.csv);
  }
  if (figures.drawn.empty()) return;
  if (!seqsweep::gnuplot_installed()) {
    fmt::print(stderr,
               "make_tables: gnuplot is missing: tables are written, {} figures are not drawn; "
               "install it (Debian: apt-get install gnuplot-nox) and start again\n",
               figures.drawn.size());
    return;
  }
  for (const seqsweep::Figure& figure : figures.drawn) {
    const auto drawing = seqsweep::draw(figure.slug, seqsweep::figure_script(figure));
    seqsweep::write_file_atomic(out / (figure.slug + ".svg"), drawing.svg);
    seqsweep::write_file_atomic(out / (figure.slug + ".pdf"), drawing.pdf);
  }
}

void make_tables(const std::string& path, const std::filesystem::path& out) {
  seqsweep::Database database = seqsweep::Database::open_for_reading(path);
  const auto files = seqsweep::make_report(database, seqsweep::paper());
  for (const seqsweep::ReportFile& file : files) {
    seqsweep::write_file_atomic(out / file.name, file.text);
  }
  fmt::print("{}", files.front().text);
  make_figures(database, out);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Prints the results of a database as tables and writes them as Markdown, LaTeX and "
      "CSV, beside the paper's own figures. Draws training curves, HT@10 over latency and batch "
      "sizes with gnuplot as SVG and PDF, with their data as CSV; figures.md shows them.",
      "make_tables"};
  app.footer(
      "Exit codes: 0 done; 2 bad command line, or not a database with runs; 3 disk or gnuplot "
      "failed.");
  std::string database, out;
  app.add_option("DB", database, "database that 'seqsweep sweep' filled")->required();
  app.add_option("--out", out, "folder for the files; made when missing")->required();
  try {
    app.parse(argc, argv);
    make_tables(database, out);
    return seqsweep::kExitDone;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? seqsweep::kExitDone : seqsweep::kExitBadInput;
  } catch (const seqsweep::Error& error) {
    fmt::print(stderr, "make_tables: {}\n", seqsweep::printable(error.what()));
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "make_tables: {}\n", seqsweep::printable(error.what()));
    return seqsweep::kExitWorldFailed;
  }
}
