#include "tools/dashboard/api.h"

#include <cmath>
#include <map>
#include <set>

#include "core/base/error.h"
#include "db/queries.h"
#include "tools/dashboard/downsample.h"
#include "tools/report/datasets_table.h"
#include "tools/report/results.h"
#include "tools/report/results_table.h"
#include "tools/report/status.h"

namespace seqsweep {
namespace {

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

// `model` with what tells the row from the model's others, `family` without.
Json run_summary(const ResultRow& run, const ModelResults& row, const std::string& dataset) {
  return {{"id", run.run_id},
          {"sweep", run.sweep},
          {"dataset", dataset},
          {"model", row.name()},
          {"family", row.label},
          {"optimizer", run.optimizer},
          {"seed", run.seed},
          {"status", run.status},
          {"attempts", run.attempts},
          {"error", run.error},
          {"epochs", run.epochs},
          {"hit_10", number_or_null(run.hit_10)},
          {"ndcg_10", number_or_null(run.ndcg_10)},
          {"mrr_10", number_or_null(run.mrr_10)},
          {"latency_ms", number_or_null(run.latency_ms)},
          {"train_s", number_or_null(run.train_s)},
          {"params", run.params}};
}

Json progress_json(const LeaseRow& lease) {
  return {{"phase", lease.phase},
          {"epoch", lease.epoch},
          {"epochs", lease.epochs},
          {"step", lease.step},
          {"fraction", number_or_null(lease.fraction)},
          {"seconds_left", number_or_null(lease.seconds_left)},
          {"renewed_ms", lease.renewed_ms}};
}

Json event_json(const EventRow& event) {
  return {{"id", event.id},
          {"time_ms", event.time_ms},
          {"run", event.run_id},
          {"kind", event.kind},
          {"text", event.text}};
}

Json sweeps_json(const Status& status) {
  Json sweeps = Json::array();
  for (const SweepStatus& sweep : status.sweeps) {
    sweeps.push_back(
        {{"name", sweep.name},
         {"pending", sweep.runs.pending},
         {"running", sweep.runs.running},
         {"done", sweep.runs.done},
         {"failed", sweep.runs.failed},
         {"cancelled", sweep.runs.cancelled},
         {"seconds_left", sweep.seconds_left ? number_or_null(*sweep.seconds_left) : nullptr}});
  }
  return sweeps;
}

Json points_json(const std::vector<CurveXy>& curve, size_t points_max) {
  Json points = Json::array();
  for (const CurveXy& point : downsample(curve, points_max)) {
    points.push_back(Json::array({point.x, point.y}));
  }
  return points;
}

// The last step of an epoch takes what is left, which is no choice of the schedule.
double batch_size_of(const StepRow& row) {
  const bool last = row.epoch_position == std::floor(row.epoch_position);
  return last ? std::nan("") : static_cast<double>(row.batch_size);
}

struct StepSeries {
  const char* name;
  double (*y)(const StepRow&);
};
const StepSeries kStepSeries[] = {{"loss", [](const StepRow& row) { return row.loss; }},
                                  {"batch_size", batch_size_of},
                                  {"h", [](const StepRow& row) { return row.h; }},
                                  {"c1", [](const StepRow& row) { return row.c1; }},
                                  {"c2", [](const StepRow& row) { return row.c2; }}};

Json curves_of(Database& database, const std::string& run, size_t points_max) {
  Json curves = Json::object();
  const std::vector<StepRow> steps = read_steps(database, run);
  for (const auto& [name, y] : kStepSeries) {
    std::vector<CurveXy> curve;
    for (const StepRow& row : steps) curve.push_back({row.epoch_position, y(row)});
    Json points = points_json(curve, points_max);
    if (!points.empty()) curves[name] = std::move(points);
  }
  std::vector<CurveXy> quality;
  for (const MetricRow& metric : read_metrics(database, run)) {
    if (metric.split == "validation" && metric.name == "ndcg@10")
      quality.push_back({static_cast<double>(metric.epoch), metric.value});
  }
  if (!quality.empty()) curves["ndcg"] = points_json(quality, points_max);
  return curves;
}

Json table_json(const Table& table) {
  Json columns = Json::array(), rows = Json::array();
  for (const Column& column : table.columns) {
    columns.push_back({{"name", column.name}, {"numbers", column.numbers}});
  }
  for (const std::vector<Cell>& cells : table.rows) {
    Json row = Json::array();
    for (const Cell& cell : cells) {
      row.push_back(
          {{"text", cell.text}, {"mark", cell.mark}, {"spread", cell.spread}, {"best", cell.best}});
    }
    rows.push_back(std::move(row));
  }
  return {{"title", table.title}, {"columns", columns}, {"rows", rows}, {"notes", table.notes}};
}

Json attempts_json(Database& database, const std::string& run) {
  Json attempts = Json::array();
  for (const AttemptRow& attempt : read_attempts(database, run)) {
    attempts.push_back({{"number", attempt.number},
                        {"host", attempt.host},
                        {"worker", attempt.worker},
                        {"ranks", attempt.ranks},
                        {"start_ms", attempt.start_ms},
                        {"end_ms", attempt.end_ms ? Json(*attempt.end_ms) : Json(nullptr)},
                        {"cause", attempt.cause},
                        {"text", attempt.text}});
  }
  return attempts;
}

}  // namespace

Json overview_json(Database& database, int64_t now_ms) {
  std::map<std::string, LeaseRow> leases;
  for (LeaseRow& lease : read_leases(database)) leases[lease.run_id] = lease;
  std::map<std::string, Json> summaries;
  const std::vector<ResultRow> runs = read_results(database);
  for (const DatasetResults& dataset : summarize(runs, paper())) {
    for (const ModelResults& row : dataset.models) {
      for (const ResultRow& run : row.runs) {
        Json& summary = summaries[run.run_id] = run_summary(run, row, dataset.title());
        const auto lease = leases.find(run.run_id);
        if (lease != leases.end()) summary["progress"] = progress_json(lease->second);
      }
    }
  }
  Json ordered = Json::array();  // As the sweeps' grids have them.
  for (const ResultRow& run : runs) ordered.push_back(std::move(summaries.at(run.run_id)));
  const Status status = read_status(database, now_ms);
  return {{"name", database.path().filename().string()},
          {"coordinator_alive", status.coordinator_alive},
          {"sweeps", sweeps_json(status)},
          {"runs", ordered}};
}

Json run_json(Database& database, const std::string& run_id_start) {
  const std::string id = find_run(database, run_id_start);
  Json json = {{"id", id},
               {"environment", Json::parse(read_environment(database, id))},
               {"attempts", attempts_json(database, id)},
               {"artifacts", Json::array()},
               {"events", Json::array()}};
  for (const ResultRow& run : read_results(database)) {
    if (run.run_id != id) continue;
    json["config"] = Json::parse(run.config);
    json["git_commit"] = run.git_commit;
    json["device"] = run.device;
    json["latency_low_ms"] = number_or_null(run.latency_low_ms);
    json["latency_high_ms"] = number_or_null(run.latency_high_ms);
  }
  for (const ArtifactRow& artifact : read_artifacts(database, id)) {
    json["artifacts"].push_back(
        {{"kind", artifact.kind}, {"path", artifact.path}, {"bytes", artifact.bytes}});
  }
  for (const EventRow& event : read_events(database, id)) {
    json["events"].push_back(event_json(event));
  }
  return json;
}

Json curves_json(Database& database, const std::vector<std::string>& run_ids, size_t points_max) {
  if (run_ids.size() > kCurveRunsMax) {
    throw_input("curves: at most {} runs at once; {} came", kCurveRunsMax, run_ids.size());
  }
  Json all = Json::object();
  for (const std::string& start : run_ids) {
    const std::string id = find_run(database, start);
    all[id] = curves_of(database, id, points_max);
  }
  return all;
}

Json events_json(Database& database, int64_t after_id, size_t count_max) {
  const std::vector<EventRow> events = read_events(database, "", after_id);
  Json json = Json::array();
  const size_t first = events.size() > count_max ? events.size() - count_max : 0;
  for (size_t i = first; i < events.size(); ++i) json.push_back(event_json(events[i]));
  return json;
}

Json tables_json(Database& database, SignificanceTests& tests) {
  Json tables = Json::array();
  std::vector<DatasetResults> results = summarize(read_results(database), paper());
  const std::vector<TestState> states = tests.fill(results);
  for (size_t i = 0; i < results.size(); ++i) {
    Table table = results_table(results[i]);
    if (!states[i].note.empty()) table.notes.push_back(states[i].note);
    tables.push_back(table_json(table));
    tables.back()["under_way"] = states[i].under_way;
  }
  const std::vector<DatasetRow> datasets = read_datasets(database);
  if (!datasets.empty()) tables.push_back(table_json(datasets_table(datasets, paper())));
  return tables;
}

}  // namespace seqsweep
