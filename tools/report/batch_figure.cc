#include "tools/report/batch_figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "db/queries.h"
#include "tools/report/csv.h"

namespace seqsweep {
namespace {

constexpr size_t kPointsMax = 500;  // Of a curve: more are no longer seen, but fill the file.

Json schedule_of(const ResultRow& run) {
  const Json config = Json::parse(run.config);
  return config.value("batch_schedule", Json{{"name", "constant"}});
}

// The last step of an epoch takes what is left, which is no choice of the schedule.
double batch_size(const StepRow& row) {
  const bool last = row.epoch_position == std::floor(row.epoch_position);
  return last ? kNone : static_cast<double>(row.batch_size);
}

std::vector<StepRow> thinned(const std::vector<StepRow>& steps) {
  const size_t every = (steps.size() + kPointsMax - 1) / kPointsMax;
  std::vector<StepRow> some;
  for (size_t i = 0; i < steps.size(); i += every) some.push_back(steps[i]);
  return some;
}

void add_series(const BatchCurve& curve, const std::string& label, Look look,
                const std::function<double(const StepRow&)>& y_of, Panel& panel) {
  Series series{label, curve.variant.style, look, {}};
  for (const StepRow& row : curve.steps) {
    const double y = y_of(row);
    if (std::isfinite(y) && std::isfinite(row.epoch_position)) {
      series.points.push_back({.x = row.epoch_position, .y = y});
    }
  }
  if (!series.points.empty()) panel.series.push_back(std::move(series));
}

// The same epochs in every panel; H over powers of ten where it spans some.
void set_axes(const std::vector<BatchCurve>& curves, Panel& batch, Panel& h, Panel& fit) {
  double end = 0;
  for (const BatchCurve& curve : curves) {
    for (const StepRow& row : curve.steps) end = std::fmax(end, row.epoch_position);
  }
  for (Panel* panel : {&batch, &h, &fit}) panel->x.to = std::ceil(end);
  double low = kNone, high = kNone;
  for (const Series& series : h.series) {
    for (const FigurePoint& point : series.points) {
      low = std::fmin(low, point.y), high = std::fmax(high, point.y);
    }
  }
  h.y.logarithmic = low > 0 && high > 10 * low;
  if (h.y.logarithmic) h.y.from = low / 1.2, h.y.to = high * 1.2;
}

std::string csv_of(const Comparison& comparison, const std::vector<BatchCurve>& curves) {
  std::string out =
      "dataset,dataset_settings,model,model_settings,curve,seed,step,epoch,batch_size,h,beta,c1,c2,"
      "noise\n";
  for (const BatchCurve& curve : curves) {
    for (const StepRow& row : curve.steps) {
      out +=
          csv_line({csv_text(comparison.dataset->dataset), csv_text(comparison.dataset->settings),
                    csv_text(comparison.model), csv_text(comparison.settings),
                    csv_text(curve.variant.label), fmt::format("{}", curve.seed),
                    fmt::format("{}", row.step), csv_number(row.epoch_position),
                    fmt::format("{}", row.batch_size), csv_number(row.h), csv_number(row.beta),
                    csv_number(row.c1), csv_number(row.c2), csv_number(curve.noise(row))});
    }
  }
  return out;
}

}  // namespace

double BatchCurve::noise(const StepRow& row) const {
  const auto size = static_cast<double>(row.batch_size);
  return row.c2 / (of_mean_square ? size : std::sqrt(size));
}

std::vector<BatchCurve> batch_curves(Database& database, const Comparison& comparison) {
  std::vector<BatchCurve> curves;
  for (const Variant& variant : comparison.variants) {
    const std::vector<const ResultRow*> done = variant.done();
    if (done.empty()) continue;
    const Json schedule = schedule_of(*done.front());
    if (schedule.at("name") == "constant") continue;
    const std::vector<StepRow> steps = read_steps(database, done.front()->run_id);
    curves.push_back({.variant = variant,
                      .seed = done.front()->seed,
                      .steps = thinned(steps),
                      .of_mean_square = schedule.value("fit", "") == "beta_over_r2"});
  }
  return curves;
}

std::optional<Figure> batch_figure(const Comparison& comparison,
                                   const std::vector<BatchCurve>& curves, const std::string& slug) {
  if (curves.empty()) return std::nullopt;
  const Axis epochs{.label = "Epochs", .from = 0};
  Panel batch{.x = epochs, .y = {.label = "Batch size", .from = 0}};
  Panel h{.x = epochs, .y = {.label = "H"}};
  const bool squares = std::ranges::any_of(curves, &BatchCurve::of_mean_square);
  const std::string noise = squares ? "noise" : "c2 / √B";
  Panel fit{.x = epochs, .y = {.label = "c1 (solid), " + noise + " (dotted)"}};
  Figure figure{slug, comparison.title(), {}, csv_of(comparison, curves), {}};
  for (const BatchCurve& curve : curves) {
    const std::string& label = curve.variant.label;
    add_series(curve, label, Look::Line, batch_size, batch);
    add_series(
        curve, label, Look::Line, [](const StepRow& row) { return row.h; }, h);
    add_series(
        curve, "", Look::Solid, [](const StepRow& row) { return row.c1; }, fit);
    add_series(
        curve, "", Look::Dotted, [&](const StepRow& row) { return curve.noise(row); }, fit);
    figure.notes.push_back(fmt::format("{}: seed {}.", label, curve.seed));
  }
  set_axes(curves, batch, h, fit);
  for (Panel& panel : {std::ref(batch), std::ref(h), std::ref(fit)}) {
    if (!panel.series.empty()) figure.panels.push_back(panel);
  }
  if (figure.panels.empty()) return std::nullopt;
  return figure;
}

}  // namespace seqsweep
