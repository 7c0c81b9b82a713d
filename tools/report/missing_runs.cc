#include "tools/report/missing_runs.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr size_t kNamedRows = 3;          // Of more, a note says how many there are.
constexpr size_t kErrorCharacters = 300;  // Of an error in a note; the database has all of it.

using Counts = std::map<std::string, int64_t>;  // Runs by status.

struct OpenRow {
  std::string name;
  int64_t done = 0, runs = 0;
  Counts open;  // Neither done nor failed.
};

std::string counts_text(const std::string& before, const Counts& counts) {
  std::vector<std::string> parts;
  for (const auto& [status, count] : counts) parts.push_back(fmt::format("{} {}", count, status));
  return parts.empty() ? "" : before + join(parts, ", ");
}

// Rows that are all of them begun, or all of them not.
std::vector<std::string> open_notes(const std::vector<OpenRow>& rows) {
  std::vector<std::string> notes;
  OpenRow all;
  for (const OpenRow& row : rows) {
    notes.push_back(fmt::format("{}: {} of {} runs done{}.", row.name, row.done, row.runs,
                                counts_text("; ", row.open)));
    all.done += row.done, all.runs += row.runs;
    for (const auto& [status, count] : row.open) all.open[status] += count;
  }
  if (rows.size() <= kNamedRows) return notes;
  const std::string open = counts_text(": ", all.open);
  if (all.done == 0) return {fmt::format("{} rows have no finished run yet{}.", rows.size(), open)};
  return {fmt::format("{} rows have {} of {} runs done{}.", rows.size(), all.done, all.runs, open)};
}

std::vector<std::string> folded(const std::vector<OpenRow>& rows) {
  std::vector<OpenRow> begun, waiting;
  for (const OpenRow& row : rows) (row.done > 0 ? begun : waiting).push_back(row);
  std::vector<std::string> notes = open_notes(begun);
  for (std::string& note : open_notes(waiting)) notes.push_back(std::move(note));
  return notes;
}

using Seeds = std::vector<int64_t>;
using Failures = std::vector<std::pair<std::string, Seeds>>;  // By row.

std::vector<std::string> failure_notes(const Failures& rows, const std::string& error) {
  const std::string text =
      error.substr(0, kErrorCharacters) + (error.size() > kErrorCharacters ? "..." : "");
  std::vector<std::string> notes;
  size_t runs = 0;
  for (const auto& [name, seeds] : rows) {
    notes.push_back(fmt::format("{}, {} {}: failed: {}", name, seeds.size() == 1 ? "seed" : "seeds",
                                fmt::join(seeds, ", "), text));
    runs += seeds.size();
  }
  if (rows.size() <= kNamedRows) return notes;
  return {fmt::format("{} runs of {} rows: failed: {}", runs, rows.size(), text)};
}

}  // namespace

std::vector<std::string> notes_about(const std::vector<std::string>& rows,
                                     const std::string& text) {
  if (rows.size() > kNamedRows) return {fmt::format("{} rows: {}", rows.size(), text)};
  std::vector<std::string> notes;
  for (const std::string& row : rows) notes.push_back(row + ": " + text);
  return notes;
}

std::vector<std::string> done_notes(const std::vector<const ModelResults*>& rows,
                                    const std::vector<std::string>& names) {
  std::vector<OpenRow> open;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto runs = static_cast<int64_t>(rows[i]->runs.size());
    if (rows[i]->done < runs) open.push_back({names[i], rows[i]->done, runs, {}});
  }
  return folded(open);
}

std::vector<std::string> missing_runs(const DatasetResults& results) {
  std::vector<OpenRow> open;
  std::map<std::string, Failures> failures;  // By error.
  for (const ModelResults& row : results.models) {
    OpenRow state{row.name(), row.done, static_cast<int64_t>(row.runs.size()), {}};
    std::map<std::string, Seeds> seeds;  // By error.
    for (const ResultRow& run : row.runs) {
      if (run.status == "failed") {
        seeds[run.error].push_back(run.seed);
      } else if (run.status != "done") {
        ++state.open[run.status];
      }
    }
    for (auto& [error, failed] : seeds) failures[error].push_back({state.name, std::move(failed)});
    if (!state.open.empty()) open.push_back(std::move(state));
  }
  std::vector<std::string> notes = folded(open);
  for (const auto& [error, rows] : failures) {
    for (std::string& note : failure_notes(rows, error)) notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace seqsweep
