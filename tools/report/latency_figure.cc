#include "tools/report/latency_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tools/report/csv.h"
#include "tools/report/label_places.h"
#include "tools/report/missing_runs.h"

namespace seqsweep {
namespace {

struct Spot {
  const PaperRow* paper = nullptr;  // Its own point; null: one of ours.
  std::string model, settings, name;
  FigurePoint point;  // x latency in ms, y HT@10
  bool front = false;
};

double paper_number(const std::string& text) {
  return text.empty() ? kNone : std::strtod(text.c_str(), nullptr);
}

// A log axis has no place for 0 and below.
bool drawable(const FigurePoint& point) {
  return std::isfinite(point.x) && point.x > 0 && std::isfinite(point.y);
}

std::vector<Spot> spots_of(const DatasetResults& results) {
  std::vector<Spot> spots;
  for (const ModelResults& row : results.models) {
    const double sd = std::isfinite(row.hit_10.sd) ? row.hit_10.sd : 0;
    const FigurePoint point = {.x = row.latency_ms.mean,
                               .y = row.hit_10.mean,
                               .low = row.hit_10.mean - sd,
                               .high = row.hit_10.mean + sd,
                               .x_low = row.latency_low_ms,
                               .x_high = row.latency_high_ms};
    if (drawable(point)) spots.push_back({nullptr, row.model, row.settings, row.label, point});
  }
  return spots;
}

std::vector<Spot> paper_spots(const DatasetResults& results, const Paper& paper) {
  std::vector<Spot> spots;
  for (const PaperRow& row : paper.rows) {
    if (row.dataset != results.dataset) continue;
    const FigurePoint point = {.x = paper_number(row.latency), .y = paper_number(row.hit_10)};
    if (drawable(point)) spots.push_back({&row, row.model, "", row.label, point});
  }
  return spots;
}

// Marks those that no other spot beats; gives their staircase, from left to right.
std::vector<FigurePoint> mark_front(std::vector<Spot>& spots) {
  std::vector<Spot*> by_latency;
  for (Spot& spot : spots) by_latency.push_back(&spot);
  std::ranges::stable_sort(by_latency, [](const Spot* a, const Spot* b) {
    return a->point.x != b->point.x ? a->point.x < b->point.x : a->point.y > b->point.y;
  });
  std::vector<FigurePoint> front;
  for (Spot* spot : by_latency) {
    if (!front.empty() && spot->point.y <= front.back().y) continue;
    spot->front = true;
    front.push_back({.x = spot->point.x, .y = spot->point.y});
  }
  return front;
}

// The same model has the same marker on every data set: the paper's models first, in its order.
size_t style_of(const std::string& model, const Paper& paper, const DatasetResults& results) {
  std::vector<std::string> models;
  for (const PaperRow& row : paper.rows) {
    if (std::ranges::count(models, row.model) == 0) models.push_back(row.model);
  }
  for (const ModelResults& row : results.models) {
    if (std::ranges::count(models, row.model) == 0) models.push_back(row.model);
  }
  return static_cast<size_t>(std::ranges::find(models, model) - models.begin());
}

void set_ranges(const std::vector<Spot>& spots, Panel& panel) {
  std::vector<double> log_xs, ys;
  for (const Spot& spot : spots) {
    log_xs.push_back(std::log10(spot.point.x));
    ys.push_back(spot.point.y);
  }
  const Statistic log_x = statistic(log_xs), y = statistic(ys);
  const double wide = std::max(0.3, 0.12 * (log_x.high - log_x.low));
  const double high = std::max(0.1 * y.high, 0.15 * (y.high - y.low));
  panel.x.from = std::pow(10, log_x.low - wide), panel.x.to = std::pow(10, log_x.high + wide);
  panel.y.from = std::max(0.0, y.low - high), panel.y.to = y.high + std::max(high, 1e-6);
}

// Of ours, the best point of each model: its marker says what the others are. Of the paper's, all.
bool is_named(const Spot& spot, const std::vector<Spot>& spots) {
  return std::ranges::none_of(spots, [&](const Spot& other) {
    return !spot.paper && !other.paper && other.model == spot.model &&
           (other.point.y > spot.point.y || (other.point.y == spot.point.y && &other < &spot));
  });
}

// As gnuplot draws "steps": to the right, then up.
std::vector<StraightLine> staircase(const std::vector<LabelBox>& corners) {
  std::vector<StraightLine> lines;
  for (size_t i = 1; i < corners.size(); ++i) {
    const LabelBox &from = corners[i - 1], &to = corners[i];
    lines.push_back({from.x, from.y, to.x, from.y});
    lines.push_back({to.x, from.y, to.x, to.y});
  }
  return lines;
}

void add_labels(const std::vector<Spot>& spots, Panel& panel) {
  constexpr double kWidth = kFigureWidth - kPanelLeft - kPanelRight;
  const double x_low = std::log10(panel.x.from), x_high = std::log10(panel.x.to);
  const auto box_at = [&](const FigurePoint& point, double width) {
    return LabelBox{(std::log10(point.x) - x_low) / (x_high - x_low) * kWidth,
                    (point.y - panel.y.from) / (panel.y.to - panel.y.from) * kPanelHeight, width};
  };
  std::vector<StraightLine> lines;
  for (const Series& series : panel.series) {
    if (series.look != Look::Front && series.look != Look::HollowFront) continue;
    std::vector<LabelBox> corners;
    for (const FigurePoint& point : series.points) corners.push_back(box_at(point, 0));
    std::ranges::copy(staircase(corners), std::back_inserter(lines));
  }
  std::vector<LabelBox> boxes;
  for (const Spot& spot : spots) {
    const size_t letters = std::min<size_t>(spot.name.size(), kLabelCharacters);
    const double width = is_named(spot, spots) ? static_cast<double>(letters) * kCharacterWidth : 0;
    boxes.push_back(box_at(spot.point, width));
  }
  const std::vector<Side> sides = place_labels(boxes, lines, kWidth, kPanelHeight);
  for (size_t i = 0; i < spots.size(); ++i) {
    if (boxes[i].width > 0) panel.labels.push_back({spots[i].point, spots[i].name, sides[i]});
  }
}

std::string csv_of(const DatasetResults& results, const std::vector<Spot>& spots) {
  std::string out =
      "dataset,dataset_settings,source,model,settings,latency_ms,latency_low_ms,latency_high_ms,"
      "hit_10,hit_10_low,hit_10_high,pareto_front\n";
  for (const Spot& spot : spots) {
    const FigurePoint& p = spot.point;
    out += csv_line({csv_text(results.dataset), csv_text(results.settings),
                     spot.paper ? "paper" : "ours", csv_text(spot.model), csv_text(spot.settings),
                     csv_number(p.x), csv_number(p.x_low), csv_number(p.x_high), csv_number(p.y),
                     csv_number(p.low), csv_number(p.high), spot.front ? "1" : "0"});
  }
  return out;
}

std::vector<std::string> notes_of(const DatasetResults& results, bool beside_paper) {
  std::vector<std::string> notes = {
      "Means over seeds; bars: the latency's 95 % interval and HT@10's standard deviation. The "
      "line "
      "joins the models that none beats in both."};
  const bool several = std::ranges::any_of(
      results.models, [](const ModelResults& row) { return !row.settings.empty(); });
  if (several)
    notes.push_back("Points of one marker are settings of one model; the CSV tells which.");
  if (beside_paper) {
    notes.emplace_back(
        "Hollow: the paper's own figures, its latency drawn as milliseconds, for it names no unit; "
        "that of language models it says to have measured in tokens per second.");
  }
  std::vector<const ModelResults*> rows;
  std::vector<std::string> names, unmeasured;
  for (const ModelResults& row : results.models) {
    rows.push_back(&row);
    names.push_back(row.name());
    const bool all_done = row.done == static_cast<int64_t>(row.runs.size());
    if (all_done && row.latency_ms.n == 0) unmeasured.push_back(row.name());
  }
  std::ranges::copy(done_notes(rows, names), std::back_inserter(notes));
  std::ranges::copy(notes_about(unmeasured, "no latency was measured."), std::back_inserter(notes));
  return notes;
}

}  // namespace

std::optional<Figure> latency_figure(const DatasetResults& results, const Paper& paper,
                                     const std::string& slug) {
  std::vector<Spot> spots = spots_of(results);
  if (spots.empty()) return std::nullopt;
  std::vector<Spot> theirs = paper_spots(results, paper);
  Panel panel{.x = {.label = "Latency (ms)", .logarithmic = true}, .y = {.label = "HT@10"}};
  if (!theirs.empty()) {
    panel.series.push_back({"Pareto front, paper", 0, Look::HollowFront, mark_front(theirs)});
  }
  panel.series.push_back({"Pareto front", 0, Look::Front, mark_front(spots)});
  std::ranges::copy(theirs, std::back_inserter(spots));
  for (const Spot& spot : spots) {
    panel.series.push_back({"",
                            style_of(spot.model, paper, results),
                            spot.paper ? Look::Hollow : Look::Points,
                            {spot.point}});
  }
  set_ranges(spots, panel);
  add_labels(spots, panel);
  return Figure{
      slug, results.title(), {panel}, csv_of(results, spots), notes_of(results, !theirs.empty())};
}

}  // namespace seqsweep
