// make_tables: the paper's tables and figures from a seqsweep database.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "db/database.h"
#include "tools/program.h"
#include "tools/report/figure_script.h"
#include "tools/report/figures.h"
#include "tools/report/gnuplot.h"
#include "tools/report/html.h"
#include "tools/report/paper.h"
#include "tools/report/report.h"

namespace {

namespace fs = std::filesystem;

struct Options {
  std::string database, out;
  seqsweep::AblationChoice ablation;

  std::optional<seqsweep::AblationChoice> chosen_ablation() const {
    if (ablation.rows.empty() != ablation.columns.empty())
      seqsweep::throw_input("--rows and --cols belong together; one of them came");
    return ablation.rows.empty() ? std::nullopt : std::optional(ablation);
  }
};

// Scripts and data first: who has no gnuplot here can draw them elsewhere.
std::vector<seqsweep::HtmlFigure> write_figures(const seqsweep::Figures& figures,
                                                const fs::path& out) {
  seqsweep::write_file_atomic(out / "figures.md", seqsweep::figures_markdown(figures));
  std::vector<seqsweep::HtmlFigure> drawn;
  std::vector<seqsweep::FigureScript> scripts;
  for (const seqsweep::Figure& figure : figures.drawn) {
    scripts.push_back({figure.slug, seqsweep::figure_script(figure)});
    seqsweep::write_file_atomic(out / (figure.slug + ".gp"), scripts.back().text);
    drawn.push_back({figure, ""});
    if (figure.csv.empty()) continue;
    seqsweep::write_file_atomic(out / (figure.slug + ".csv"), figure.csv);
  }
  if (drawn.empty()) return drawn;
  if (!seqsweep::gnuplot_installed()) {
    fmt::print(stderr,
               "make_tables: gnuplot is missing: tables are written, {} figures are not drawn; "
               "install it (Debian: apt-get install gnuplot-nox) and start again\n",
               drawn.size());
    return drawn;
  }
  const std::vector<seqsweep::Drawing> drawings = seqsweep::draw(scripts);
  for (size_t i = 0; i < drawn.size(); ++i) {
    seqsweep::write_file_atomic(out / (scripts[i].slug + ".svg"), drawings[i].svg);
    seqsweep::write_file_atomic(out / (scripts[i].slug + ".pdf"), drawings[i].pdf);
    drawn[i].svg = drawings[i].svg;
  }
  return drawn;
}

void make_tables(const Options& options) {
  const fs::path out = options.out;
  const auto ablation = options.chosen_ablation();
  seqsweep::Database database = seqsweep::Database::open_for_reading(options.database);
  const seqsweep::ReportData data = seqsweep::read_report_data(database, seqsweep::paper());
  const seqsweep::Report report = seqsweep::make_report(data, seqsweep::paper(), ablation);
  for (const seqsweep::ReportFile& file : report.files) {
    seqsweep::write_file_atomic(out / file.name, file.text);
    const bool shown = file.name == "tables.md" || file.name == "ablations.md";
    if (shown) fmt::print("{}\n", file.text);
  }
  const auto figures = seqsweep::make_figures(database, data.results, seqsweep::paper());
  const auto drawn = write_figures(figures, out);
  seqsweep::write_file_atomic(
      out / "report.html", seqsweep::html_report(data.name, report.tables, drawn, figures.missing));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Prints the results of a database as tables and writes them as Markdown, LaTeX, CSV and one "
      "HTML page, with tests of significance and beside the paper's own figures. Draws training "
      "curves, HT@10 over latency, batch sizes and before and after ORPO with gnuplot as SVG and "
      "PDF, with their data as CSV.",
      "make_tables"};
  app.footer(
      "Examples:\n"
      "  make_tables results.db --out tables\n"
      "  make_tables results.db --out tables --rows model --cols optimizer\n"
      "  make_tables results.db --out tables --rows model.layers --cols optimizer.lr --metric "
      "hit_10\n\n"
      "Open tables/report.html, or tables/tables.md and tables/figures.md.\n"
      "Exit codes: 0 done; 2 bad command line, or not a database with runs; 3 disk or gnuplot "
      "failed.");
  Options options;
  app.add_option("DB", options.database, "database that 'seqsweep sweep' filled")->required();
  app.add_option("--out", options.out, "folder for the files; made when missing")->required();
  app.add_option("--rows", options.ablation.rows,
                 "ablation: a key of the runs' configs, a row a value: model, optimizer.lr, ...");
  app.add_option("--cols", options.ablation.columns, "ablation: another key, a column a value");
  app.add_option("--metric", options.ablation.metric,
                 "ablation: " + seqsweep::join(seqsweep::ablation_metrics(), ", ") + " [ndcg_10]");
  return seqsweep::run_program(app, argc, argv, [&] {
    make_tables(options);
    return seqsweep::kExitDone;
  });
}
