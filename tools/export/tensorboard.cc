#include "tools/export/tensorboard.h"

#include <fmt/format.h>

#include <set>

#include "db/queries.h"
#include "tools/export/event_file.h"
#include "tools/export/new_folder.h"
#include "tools/report/slug.h"

namespace seqsweep {
namespace {

// What TensorBoard shows as the run's name. The start of its id keeps runs apart that differ in
// other settings.
std::filesystem::path folder_of(const ResultRow& run, std::set<std::string>& taken) {
  std::set<std::string> sweeps;
  const std::string name = fmt::format("{}.{}.{}.s{}.{}", run.dataset, run.model, run.optimizer,
                                       run.seed, run.run_id.substr(0, 8));
  std::string sweep = make_slug(run.sweep.empty() ? "no-sweep" : run.sweep, sweeps);
  if (sweep.front() == '.') sweep.front() = '_';  // ".." is no name for a folder.
  return std::filesystem::path(sweep) / make_slug(name, taken);
}

std::string settings_table(const RunRecord& record) {
  std::string table = "| setting | value |\n| --- | --- |\n";
  for (const auto& [key, value] : record.settings)
    table += fmt::format("| {} | {} |\n", key, value);
  return table;
}

}  // namespace

int64_t export_tensorboard(Database& database, const std::filesystem::path& folder,
                           int64_t now_ms) {
  NewFolder out(folder);
  std::set<std::string> taken;
  int64_t runs = 0;
  for (const ResultRow& run : read_results(database)) {
    const auto record = read_run_record(database, run, now_ms);
    if (!record) continue;
    // TensorBoard reads every file whose name has "tfevents" in it.
    const std::string file =
        fmt::format("events.out.tfevents.{:010}.seqsweep", record->start_ms / 1000);
    out.write(folder_of(run, taken) / file,
              event_file(record->start_ms, settings_table(*record), record->scalars));
    ++runs;
  }
  out.commit();
  return runs;
}

}  // namespace seqsweep
