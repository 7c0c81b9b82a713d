#include "core/comm/mpi_ulfm.h"

#include <gtest/gtest.h>

#include "core/comm/mpi_check.h"
#include "tests/core/comm/mpi_test_world.h"

namespace seqsweep {
namespace {

// Deaths themselves are played out by tools/torture.py: a rank that dies takes a test along.
TEST(MpiUlfm, WhereNobodyDiedNothingIsTold) {
  EXPECT_FALSE(is_death(MPI_SUCCESS));
  EXPECT_FALSE(is_death(MPI_ERR_RANK));
  EXPECT_TRUE(acknowledge_deaths(test_world().state().comm).empty());
  EXPECT_FALSE(test_world().is_broken());
  test_world().leave_if_broken(1);  // Goes on.
}

}  // namespace
}  // namespace seqsweep
