// What the tests of the exports share: a database with a run of each kind, and the real packages.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/base/files.h"
#include "tests/support/python.h"
#include "tests/tools/report/support.h"

namespace seqsweep {

// Two runs with curves (b's name has what a file name must not), a failed one, one not begun.
inline void fill_for_export(RunStore& store) {
  store.add_sweep("tiny sweep", "name: tiny sweep",
                  std::vector{planned_run("a", run_config("toy", "net", 1)),
                              planned_run("b", run_config("../toy", "n\"et\n", 2)),
                              planned_run("c", run_config("toy", "net", 3)),
                              planned_run("d", run_config("toy", "net", 4))});
  finish_with_curves(store, "a", 0.125);
  finish_with_curves(store, "b", 0.25);
  fail(store, "c", "loss is NaN");
}

inline size_t files_in(const std::filesystem::path& folder) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  return files;
}

// What the real package finds in an export.
inline Json read_export(const std::string& format, const std::filesystem::path& folder) {
  const std::filesystem::path answer = folder.string() + ".json";
  const std::string command = fmt::format(
      "'{}' '{}/tests/tools/export/read_exports.py' {} '{}' > '{}' 2> '{}.log'", test_python(),
      SEQSWEEP_SOURCE_DIR, format, folder.string(), answer.string(), answer.string());
  if (std::system(command.c_str()) != 0) {
    ADD_FAILURE() << command << "\n" << read_file(answer.string() + ".log");
    return Json::object();
  }
  return Json::parse(read_file(answer));
}

}  // namespace seqsweep
