// Tests of significance for the page's tables. They may take seconds, so a thread makes them, once
// for the same runs: no answer waits for them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tools/report/results.h"

namespace seqsweep {

constexpr double kTryAgain_s = 30;  // Not sooner after tests that failed.
// About two seconds of a core that has nothing else to do, as long as the dashboard may take to
// end.
constexpr int64_t kTestWorkMax = 1'000'000;

struct TestState {
  bool under_way = false;
  std::string note;  // Why there are no marks, for below the table; "": they are as they should be.
};

class SignificanceTests {
 public:
  // `work_max`: of the tests of one data set, in test users of a row.
  explicit SignificanceTests(std::filesystem::path database, int64_t work_max = kTestWorkMax,
                             double try_again_s = kTryAgain_s);
  ~SignificanceTests();  // Waits for the data set that is tested now.

  // Fills against_best of the data sets that were tested, as compare_with_best() would, and has the
  // others tested. A state each, in their order.
  std::vector<TestState> fill(std::vector<DatasetResults>& results);

 private:
  struct Tested {
    std::map<std::string, std::array<AgainstBest, kTestedMetrics>> rows;  // By their runs.
    std::string note;                                                     // Why they were not.
    std::optional<double> failed_at_s;                                    // By monotonic_s().
  };

  void work(const std::stop_token& ended, std::vector<DatasetResults> open);
  Tested test(DatasetResults& results) const;

  const std::filesystem::path database_;
  const int64_t work_max_;
  const double try_again_s_;
  std::mutex mutex_;                      // Over what follows.
  std::map<std::string, Tested> tested_;  // By the runs of the data set.
  bool working_ = false;
  std::jthread worker_;  // The last: it uses the others.
};

}  // namespace seqsweep
