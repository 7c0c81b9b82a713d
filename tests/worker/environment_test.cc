#include "worker/environment.h"

#include <gtest/gtest.h>

#include <vector>

namespace seqsweep {
namespace {

TEST(Environment, NamesVersionsAndMachine) {
  const Json json = environment("");
  for (const char* key : {"seqsweep", "git_commit", "compiler", "torch", "cpu", "host"}) {
    EXPECT_FALSE(json.at(key).get<std::string>().empty()) << key;
  }
  EXPECT_FALSE(json.contains("mpi"));
  EXPECT_EQ(environment("5.0").at("mpi"), "5.0");
}

TEST(Environment, PeakMemoryGrowsWithWhatIsHeld) {
  reset_peak_memory();
  const double before = peak_memory_bytes();
  const std::vector<char> held(200'000'000, 1);
  EXPECT_GE(peak_memory_bytes(), before + 100e6) << held.back();
}

}  // namespace
}  // namespace seqsweep
