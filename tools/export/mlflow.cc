#include "tools/export/mlflow.h"

#include <fmt/format.h>

#include <cctype>
#include <map>

#include "core/base/text.h"
#include "core/base/utf8.h"
#include "db/queries.h"
#include "tools/export/new_folder.h"
#include "tools/export/run_record.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

constexpr size_t kValueBytesMax = 6000;  // Of a parameter or tag; MLflow refuses longer ones.

// Of a name between two '/'.
std::string one_part(std::string_view part) {
  std::string plain(part.empty() ? "_" : part);
  for (char& c : plain) {
    const bool allowed = std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.';
    if (!allowed) c = '_';
  }
  if (plain.front() == '.') plain.front() = '_';
  return plain;
}

int status_number(const std::string& status) {  // Its RunStatus.
  if (status == "running") return 1;
  if (status == "done") return 3;
  if (status == "failed") return 4;
  if (status == "cancelled") return 5;
  return 2;  // SCHEDULED: interrupted, to be gone on with.
}

// A JSON string is a YAML one.
std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string clipped(const std::string& value) {
  return valid_utf8(std::string_view(value).substr(0, kValueBytesMax - 2));
}

// Where MLflow would put files of its own.
std::string file_uri(const fs::path& path) {
  std::string uri = "file://";
  for (const char c : fs::absolute(path).lexically_normal().string()) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) ||
                       std::string_view("/-._~").find(c) != std::string_view::npos;
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri;
}

struct Experiment {
  std::string id;   // Its folder's name, too.
  fs::path target;  // That folder, as it will be called.
};

void write_experiment(NewFolder& out, const Experiment& experiment, const SweepRow& sweep) {
  out.write(fs::path(experiment.id) / "meta.yaml",
            fmt::format("artifact_location: {}\ncreation_time: {}\nexperiment_id: '{}'\n"
                        "last_update_time: {}\nlifecycle_stage: active\nname: {}\n",
                        quoted(file_uri(experiment.target)), sweep.created_ms, experiment.id,
                        sweep.created_ms, quoted(sweep.name)));
}

std::string run_meta(const Experiment& experiment, const RunRecord& record, const std::string& id,
                     const std::string& name) {
  return fmt::format(
      "artifact_uri: {}\nend_time: {}\nentry_point_name: ''\nexperiment_id: '{}'\n"
      "lifecycle_stage: active\nrun_id: {}\nrun_name: {}\nrun_uuid: {}\nsource_name: ''\n"
      "source_type: 4\nsource_version: ''\nstart_time: {}\nstatus: {}\ntags: []\n"
      "user_id: seqsweep\n",
      quoted(file_uri(experiment.target / id / "artifacts")),
      record.end_ms ? std::to_string(*record.end_ms) : "null", experiment.id, quoted(id),
      quoted(name), quoted(id), record.start_ms, status_number(record.run.status));
}

void write_run(NewFolder& out, const Experiment& experiment, const RunRecord& record) {
  const ResultRow& run = record.run;
  const std::string id = one_part(run.run_id);
  const fs::path folder = fs::path(experiment.id) / id;
  const std::string name = fmt::format("{}.{}.{}.s{}.{}", run.dataset, run.model, run.optimizer,
                                       run.seed, run.run_id.substr(0, 8));
  // A folder that lacks one of these is no run to MLflow, even when it has nothing to put there.
  for (const char* part : {"artifacts", "metrics", "params"}) out.make(folder / part);
  out.write(folder / "meta.yaml", run_meta(experiment, record, id, name));
  for (const auto& [key, value] : record.settings) {
    out.write(folder / "params" / one_part(key), clipped(value));
  }
  std::map<std::string, std::string> metrics;
  for (const Scalar& one : record.scalars) {
    metrics[mlflow_name(one.name)] += fmt::format("{} {} {}\n", one.time_ms, one.value, one.step);
  }
  for (const auto& [metric, lines] : metrics) out.write(folder / "metrics" / metric, lines);
  const std::pair<const char*, std::string> tags[] = {{"mlflow.runName", name},
                                                      {"mlflow.user", "seqsweep"},
                                                      {"mlflow.source.git.commit", run.git_commit},
                                                      {"seqsweep.status", run.status},
                                                      {"seqsweep.device", run.device},
                                                      {"seqsweep.error", run.error}};
  for (const auto& [tag, value] : tags) {
    if (!value.empty()) out.write(folder / "tags" / tag, clipped(value));
  }
}

}  // namespace

std::string mlflow_name(std::string_view name) {
  std::vector<std::string> parts = split(std::string(name), '/');
  for (std::string& part : parts) part = one_part(part);
  return join(parts, "/");
}

int64_t export_mlflow(Database& database, const fs::path& folder, int64_t now_ms) {
  NewFolder out(folder);
  std::map<std::string, Experiment> experiments;
  for (const SweepRow& sweep : read_sweeps(database)) {
    // 0 is MLflow's own "Default".
    const std::string id = std::to_string(experiments.size() + 1);
    experiments[sweep.name] = {id, folder / id};
    write_experiment(out, experiments[sweep.name], sweep);
  }
  int64_t runs = 0;
  for (const ResultRow& run : read_results(database)) {
    const auto experiment = experiments.find(run.sweep);
    const auto record = read_run_record(database, run, now_ms);
    if (!record || experiment == experiments.end()) continue;
    write_run(out, experiment->second, *record);
    ++runs;
  }
  out.commit();
  return runs;
}

}  // namespace seqsweep
