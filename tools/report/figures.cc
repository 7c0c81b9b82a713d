#include "tools/report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tools/report/batch_figure.h"
#include "tools/report/latency_figure.h"
#include "tools/report/markdown.h"
#include "tools/report/orpo_figure.h"
#include "tools/report/slug.h"
#include "tools/report/training_curves.h"

namespace seqsweep {
namespace {

void add_comparison(Database& database, const Comparison& comparison, std::set<std::string>& slugs,
                    Figures& figures) {
  if (comparison.variants.size() > 1) {
    const auto curves = training_curves(database, comparison);
    const std::string slug = make_slug("figure3_" + comparison.file_part(), slugs);
    const std::vector<Figure> drawn = training_figures(comparison, curves, slug);
    for (const char* suffix : {"_steps", "_seconds"}) slugs.insert(slug + suffix);
    figures.drawn.insert(figures.drawn.end(), drawn.begin(), drawn.end());
    if (drawn.empty()) {
      const auto done = std::ranges::count_if(
          curves, [](const TrainingCurve& curve) { return !curve.points.empty(); });
      figures.missing.push_back(fmt::format(
          "{}: no training curves; they need two optimizers with figures by epoch, {} of "
          "{} has or have them.",
          comparison.title(), done, curves.size()));
    }
  }
  const std::string slug = make_slug("figure_batch_" + comparison.file_part(), slugs);
  auto figure = batch_figure(comparison, batch_curves(database, comparison), slug);
  if (figure) figures.drawn.push_back(std::move(*figure));
}

// The paper numbers two of its data sets' figures; the others' are named alike.
std::string orpo_file_part(const DatasetResults& results, const ModelResults& row) {
  const std::string number = results.dataset == "amazon-video-games-2023" ? "figure1"
                             : results.dataset == "ml-1m"                 ? "figure2"
                                                                          : "figure";
  const std::string settings = row.settings.empty() ? "" : "-" + row.settings;
  return number + "_orpo_" + results.file_part() + "_" + row.model + settings;
}

void add_orpo(const DatasetResults& results, std::set<std::string>& slugs, Figures& figures) {
  for (const OrpoPairs& pairs : orpo_pairs(results)) {
    const std::string slug = make_slug(orpo_file_part(results, *pairs.after), slugs);
    auto figure = orpo_figure(results, pairs, slug);
    if (figure) {
      figures.drawn.push_back(std::move(*figure));
    } else {
      figures.missing.push_back(
          fmt::format("{} on {}: no figure before and after ORPO; of {} runs none is done whose "
                      "`start` is done and in this database.",
                      pairs.after->name(), results.title(), pairs.asked));
    }
  }
}

}  // namespace

Figures make_figures(Database& database, const std::vector<DatasetResults>& all,
                     const Paper& paper) {
  Figures figures;
  std::set<std::string> slugs;
  for (const DatasetResults& results : all) {
    add_orpo(results, slugs, figures);
    for (const Comparison& comparison : comparisons(results)) {
      add_comparison(database, comparison, slugs, figures);
    }
    const std::string slug = make_slug("figure_latency_" + results.file_part(), slugs);
    auto figure = latency_figure(results, paper, slug);
    if (figure) {
      figures.drawn.push_back(std::move(*figure));
    } else {
      figures.missing.push_back(results.title() +
                                ": no HT@10 over latency; no run that is done has a latency.");
    }
  }
  return figures;
}

std::string figures_markdown(const Figures& figures) {
  std::string out = "# Figures\n";
  for (const Figure& figure : figures.drawn) {
    out += fmt::format("\n![{}]({}.svg)\n\n{}: [PDF]({}.pdf), [gnuplot script]({}.gp)",
                       markdown_escape(figure.title), figure.slug, markdown_escape(figure.title),
                       figure.slug, figure.slug);
    out += figure.csv.empty() ? "\n" : fmt::format(", [CSV]({}.csv)\n", figure.slug);
    for (size_t i = 0; i < figure.notes.size(); ++i) {
      out += (i == 0 ? "\n- " : "- ") + markdown_escape(figure.notes[i]) + "\n";
    }
  }
  if (!figures.missing.empty()) out += "\nNot drawn:\n\n";
  for (const std::string& line : figures.missing) out += "- " + markdown_escape(line) + "\n";
  return out;
}

}  // namespace seqsweep
