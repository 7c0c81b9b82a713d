#include "tools/dashboard/significance.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "core/base/clock.h"
#include "db/queries.h"
#include "tools/report/against_best.h"

namespace seqsweep {
namespace {

constexpr int kNiceness = 10;
constexpr int64_t kRunsOfARow = 60;  // The ranks of so many are read while one row is tested.

// The runs whose ranks are tested; "": none. A row's name and place change with what others come.
std::string key_of(const ModelResults& row) {
  std::string key;
  for (const ResultRow& run : row.runs) {
    if (run.status == "done") key += fmt::format("{}/{} ", run.run_id, run.attempts);
  }
  return key;
}

std::string key_of(const DatasetResults& results) {
  std::string key;
  for (const ModelResults& row : results.models) {
    if (row.done > 0) key += key_of(row) + '\n';
  }
  return key;
}

bool comparable(const DatasetResults& results) {
  return std::ranges::count_if(results.models, [](const auto& row) { return row.done > 0; }) > 1;
}

}  // namespace

SignificanceTests::SignificanceTests(std::filesystem::path database, int64_t work_max,
                                     double try_again_s)
    : database_(std::move(database)), work_max_(work_max), try_again_s_(try_again_s) {}
SignificanceTests::~SignificanceTests() = default;

std::vector<TestState> SignificanceTests::fill(std::vector<DatasetResults>& results) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Tested> still;  // Tests of what the runs were before are forgotten.
  std::vector<TestState> states;
  std::vector<DatasetResults> open;
  for (DatasetResults& one : results) {
    if (!comparable(one)) {
      states.emplace_back();
      continue;
    }
    const std::string key = key_of(one);
    auto found = tested_.find(key);
    if (found != tested_.end() && found->second.failed_at_s &&
        monotonic_s() - *found->second.failed_at_s >= try_again_s_) {
      tested_.erase(found);
      found = tested_.end();
    }
    if (found == tested_.end()) {
      open.push_back(one);
      states.push_back({true, "The tests of significance are under way."});
      continue;
    }
    const Tested& tested = still.insert(tested_.extract(found)).position->second;
    for (ModelResults& row : one.models) {
      const auto test = tested.rows.find(key_of(row));
      if (test != tested.rows.end()) row.against_best = test->second;
    }
    states.push_back({false, tested.note});
  }
  tested_ = std::move(still);
  if (!open.empty() && !working_) {
    working_ = true;
    worker_ = std::jthread([this, open = std::move(open)](const std::stop_token& ended) mutable {
      work(ended, std::move(open));
    });
  }
  return states;
}

void SignificanceTests::work(const std::stop_token& ended, std::vector<DatasetResults> open) {
  // Of this thread and those that it starts: trainings on this machine go first.
  [[maybe_unused]] const int niceness = ::nice(kNiceness);
  for (DatasetResults& results : open) {
    if (ended.stop_requested()) break;
    Tested tested;
    try {
      tested = test(results);
    } catch (const std::exception& error) {
      tested.note = fmt::format("The tests of significance failed: {}", error.what());
      tested.failed_at_s = monotonic_s();
    }
    const std::lock_guard lock(mutex_);
    tested_[key_of(results)] = std::move(tested);
  }
  const std::lock_guard lock(mutex_);
  working_ = false;
}

SignificanceTests::Tested SignificanceTests::test(DatasetResults& results) const {
  Database database = Database::open_for_reading(database_);
  int64_t rows = 0, runs = 0, users = 0;
  for (const ModelResults& row : results.models) {
    if (row.done == 0) continue;
    ++rows, runs += row.done;
    const auto run = std::ranges::find(row.runs, "done", &ResultRow::status);
    if (users == 0) users = std::ssize(read_user_ranks(database, run->run_id));
  }
  if (users * (rows + runs / kRunsOfARow) > work_max_) {
    return {.note = fmt::format("Not tested for significance, for {} runs with {} test users take "
                                "long: `make_tables` does it.",
                                runs, users)};
  }
  compare_with_best(database, results);
  Tested tested;
  for (const ModelResults& row : results.models) {
    if (row.done > 0) tested.rows[key_of(row)] = row.against_best;
  }
  return tested;
}

}  // namespace seqsweep
