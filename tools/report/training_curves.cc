#include "tools/report/training_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "db/queries.h"
#include "tools/report/csv.h"
#include "tools/report/missing_runs.h"

namespace seqsweep {
namespace {

constexpr size_t kCurvesMax = 12;  // More cannot be told apart by eye.

double step_at(double epoch, const std::vector<StepRow>& steps) {
  if (steps.empty()) return kNone;
  StepRow before{}, after = steps.front();  // A run starts at step 0, position 0.
  for (const StepRow& row : steps) {
    before = after.step == row.step ? before : after;
    after = row;
    if (row.epoch_position >= epoch) break;
  }
  // After the last row as between the last two.
  const double slope = static_cast<double>(after.step - before.step) /
                       (after.epoch_position - before.epoch_position);
  return static_cast<double>(before.step) + (epoch - before.epoch_position) * slope;
}

struct EpochValues {
  std::vector<double> ndcg_10, loss, step, seconds;
};

void add_run(Database& database, const ResultRow& run, std::map<int64_t, EpochValues>& epochs) {
  const std::vector<StepRow> steps = read_steps(database, run.run_id);
  std::set<int64_t> seen;
  for (const MetricRow& metric : read_metrics(database, run.run_id)) {
    EpochValues& values = epochs[metric.epoch];
    if (metric.split == "validation" && metric.name == "ndcg@10") {
      values.ndcg_10.push_back(metric.value);
    } else if (metric.split == "train" && metric.name == "loss") {
      values.loss.push_back(metric.value);
    } else {
      continue;
    }
    if (!seen.insert(metric.epoch).second) continue;
    const auto epoch = static_cast<double>(metric.epoch);
    values.step.push_back(step_at(epoch, steps));
    values.seconds.push_back(run.train_s * epoch / static_cast<double>(run.epochs));
  }
}

// One of the two measures of a point.
using CurveMeasure = Statistic CurvePoint::*;

// Where a seed stopped before the others, the mean of the rest would jump: there the curve ends.
Series series_of(const TrainingCurve& curve, CurveMeasure measure,
                 double (*x_of)(const CurvePoint&)) {
  Series series{.label = curve.variant.label, .style = curve.variant.style};
  for (const CurvePoint& point : curve.points) {
    const Statistic& y = point.*measure;
    const double x = x_of(point);
    if (y.n < curve.done || y.n == 0 || !std::isfinite(x)) continue;
    series.points.push_back({.x = x, .y = y.mean, .low = y.low, .high = y.high});
  }
  return series;
}

double best_of(const TrainingCurve& curve) {
  double best = -1;
  for (const CurvePoint& point : curve.points) best = std::fmax(best, point.ndcg_10.mean);
  return best;
}

std::vector<TrainingCurve> drawn_curves(const std::vector<TrainingCurve>& curves) {
  std::vector<TrainingCurve> drawn;
  std::ranges::copy_if(curves, std::back_inserter(drawn),
                       [](const TrainingCurve& curve) { return !curve.points.empty(); });
  if (drawn.size() <= kCurvesMax) return drawn;
  std::ranges::stable_sort(drawn, std::greater{}, best_of);
  drawn.resize(kCurvesMax);
  std::ranges::sort(drawn, {}, [](const TrainingCurve& curve) { return curve.variant.label; });
  for (size_t i = 0; i < drawn.size(); ++i) drawn[i].variant.style = i;
  return drawn;
}

std::vector<std::string> notes_of(const std::vector<TrainingCurve>& curves) {
  std::vector<std::string> notes = {
      "Means over seeds, bands from the lowest to the highest; a curve ends where its first seed "
      "stopped."};
  size_t with_points = 0;
  std::vector<const ModelResults*> rows;
  std::vector<std::string> labels, empty;
  for (const TrainingCurve& curve : curves) {
    rows.push_back(curve.variant.results);
    labels.push_back(curve.variant.label);
    const bool all_done = curve.done == static_cast<int64_t>(rows.back()->runs.size());
    if (!curve.points.empty()) ++with_points;
    if (curve.points.empty() && all_done) empty.push_back(curve.variant.label);
  }
  std::ranges::copy(done_notes(rows, labels), std::back_inserter(notes));
  std::ranges::copy(notes_about(empty, "its runs have no figures by epoch."),
                    std::back_inserter(notes));
  if (with_points > kCurvesMax) {
    notes.push_back(
        fmt::format("The {} best of {} are drawn; the CSV has all.", kCurvesMax, with_points));
  }
  return notes;
}

std::string csv_of(const Comparison& comparison, const std::vector<TrainingCurve>& curves) {
  std::string out =
      "dataset,dataset_settings,model,model_settings,curve,runs,done,epoch,step,seconds,"
      "ndcg_10,ndcg_10_runs,ndcg_10_sd,ndcg_10_low,ndcg_10_high,"
      "loss,loss_runs,loss_sd,loss_low,loss_high\n";
  for (const TrainingCurve& curve : curves) {
    for (const CurvePoint& point : curve.points) {
      std::vector<std::string> fields = {csv_text(comparison.dataset->dataset),
                                         csv_text(comparison.dataset->settings),
                                         csv_text(comparison.model),
                                         csv_text(comparison.settings),
                                         csv_text(curve.variant.label),
                                         fmt::format("{}", curve.variant.results->runs.size()),
                                         fmt::format("{}", curve.done),
                                         fmt::format("{}", point.epoch),
                                         csv_number(point.step),
                                         csv_number(point.seconds)};
      for (const Statistic& s : {point.ndcg_10, point.loss}) {
        for (const std::string& field : {csv_number(s.mean), fmt::format("{}", s.n),
                                         csv_number(s.sd), csv_number(s.low), csv_number(s.high)}) {
          fields.push_back(field);
        }
      }
      out += csv_line(fields);
    }
  }
  return out;
}

struct Abscissa {
  const char* suffix;
  const char* label;
  double (*x_of)(const CurvePoint&);
  const char* note;
};
const Abscissa kAbscissae[] = {
    {"", "Epochs", [](const CurvePoint& p) { return static_cast<double>(p.epoch); }, ""},
    {"_steps", "Optimizer steps", [](const CurvePoint& p) { return p.step; }, ""},
    {"_seconds", "Training time (s)", [](const CurvePoint& p) { return p.seconds; },
     "Seconds of training without validation, as if every epoch of a run took as long."},
};

}  // namespace

std::vector<TrainingCurve> training_curves(Database& database, const Comparison& comparison) {
  std::vector<TrainingCurve> curves;
  for (const Variant& variant : comparison.variants) {
    TrainingCurve curve{.variant = variant};
    std::map<int64_t, EpochValues> epochs;
    for (const ResultRow* run : variant.done()) {
      add_run(database, *run, epochs);
      ++curve.done;
    }
    for (const auto& [epoch, values] : epochs) {
      if (values.step.empty()) continue;  // Of the test alone.
      curve.points.push_back({epoch, statistic(values.ndcg_10), statistic(values.loss),
                              statistic(values.step).mean, statistic(values.seconds).mean});
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

std::vector<Figure> training_figures(const Comparison& comparison,
                                     const std::vector<TrainingCurve>& curves,
                                     const std::string& slug) {
  const std::vector<TrainingCurve> drawn = drawn_curves(curves);
  if (drawn.size() < 2) return {};
  std::vector<Figure> figures;
  for (const Abscissa& abscissa : kAbscissae) {
    Panel quality{.x = {.label = abscissa.label, .from = 0}, .y = {.label = "Validation NDCG@10"}};
    Panel loss{.x = quality.x, .y = {.label = "Training loss"}};
    for (const TrainingCurve& curve : drawn) {
      quality.series.push_back(series_of(curve, &CurvePoint::ndcg_10, abscissa.x_of));
      loss.series.push_back(series_of(curve, &CurvePoint::loss, abscissa.x_of));
    }
    const auto empty = [](const Series& series) { return series.points.empty(); };
    if (std::ranges::any_of(quality.series, empty)) continue;  // No steps were logged.
    Figure figure{slug + abscissa.suffix, comparison.title(), {quality, loss}, "", {}};
    if (figures.empty()) {
      figure.csv = csv_of(comparison, curves);
      figure.notes = notes_of(curves);
    }
    if (*abscissa.note) figure.notes.push_back(abscissa.note);
    figures.push_back(std::move(figure));
  }
  return figures;
}

}  // namespace seqsweep
