#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "core/comm/mpi_world.h"

namespace seqsweep {
namespace {

// Sets the variables that launchers set, and nothing else, until it ends.
class LauncherEnvironment {
 public:
  explicit LauncherEnvironment(const std::map<std::string, std::string>& variables) {
    for (const char* name :
         {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK", "SLURM_NTASKS"}) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      ::unsetenv(name);
    }
    for (const auto& [name, value] : variables) {
      ::setenv(name.c_str(), value.c_str(), 1);
      set_.push_back(name);
    }
  }
  ~LauncherEnvironment() {
    for (const std::string& name : set_) ::unsetenv(name.c_str());
    for (const auto& [name, value] : before_) ::setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  std::map<std::string, std::string> before_;
  std::vector<std::string> set_;
};

bool started_with(const std::map<std::string, std::string>& variables) {
  const LauncherEnvironment environment(variables);
  return started_by_mpirun();
}

TEST(Mpirun, IsKnownByItsEnvironment) {
  EXPECT_TRUE(started_by_mpirun());  // As this test is.
  EXPECT_FALSE(started_with({}));
  EXPECT_TRUE(started_with({{"OMPI_COMM_WORLD_SIZE", "4"}}));
  EXPECT_FALSE(started_with({{"OMPI_COMM_WORLD_SIZE", "1"}}));
  EXPECT_TRUE(started_with({{"PMI_SIZE", "2"}}));
  EXPECT_TRUE(started_with({{"SLURM_NTASKS", "3"}, {"PMIX_RANK", "0"}}));
  EXPECT_FALSE(started_with({{"SLURM_NTASKS", "3"}}));  // A shell in an allocation.
}

}  // namespace
}  // namespace seqsweep
