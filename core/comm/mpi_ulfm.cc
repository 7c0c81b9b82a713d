#include "core/comm/mpi_ulfm.h"

#include <fmt/format.h>
#include <mpi-ext.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "core/comm/mpi_check.h"

namespace seqsweep {
namespace {

constexpr unsigned kPatience_s = 60;

volatile std::sig_atomic_t code_to_leave_with = 0;

}  // namespace

bool survives_deaths() {
  int* survives = nullptr;
  int is_set = 0;
  MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_FT, &survives, &is_set);
  return is_set && *survives;
}

bool is_death(int code) {
  if (code == MPI_SUCCESS) return false;
  int kind = MPI_SUCCESS;
  MPI_Error_class(code, &kind);
  return kind == MPIX_ERR_PROC_FAILED || kind == MPIX_ERR_PROC_FAILED_PENDING ||
         kind == MPIX_ERR_REVOKED;
}

std::vector<int> acknowledge_deaths(MPI_Comm comm) {
  MPI_Group dead = MPI_GROUP_NULL, all = MPI_GROUP_NULL;
  check_mpi(MPIX_Comm_failure_ack(comm), "MPIX_Comm_failure_ack");
  check_mpi(MPIX_Comm_failure_get_acked(comm, &dead), "MPIX_Comm_failure_get_acked");
  check_mpi(MPI_Comm_group(comm, &all), "MPI_Comm_group");
  int count = 0;
  check_mpi(MPI_Group_size(dead, &count), "MPI_Group_size");
  std::vector<int> of_dead(static_cast<size_t>(count)), ranks(of_dead.size());
  for (int i = 0; i < count; ++i) of_dead[static_cast<size_t>(i)] = i;
  check_mpi(MPI_Group_translate_ranks(dead, count, of_dead.data(), all, ranks.data()),
            "MPI_Group_translate_ranks");
  MPI_Group_free(&dead);
  MPI_Group_free(&all);
  return ranks;
}

// A communicator with a dead rank makes no other ones but by a collective of all ranks, so the
// group has to do without it. A process is in one group at a time: its first rank tells groups with
// the same tag apart. Without --with-ft the launcher may be one that knows nothing of groups.
int create_comm(MPI_Comm world, MPI_Group group, int tag, MPI_Comm* created) {
  if (!survives_deaths()) return MPI_Comm_create_group(world, group, tag, created);
  const int first = 0;
  int first_of_world = 0;
  MPI_Group all = MPI_GROUP_NULL;
  check_mpi(MPI_Comm_group(world, &all), "MPI_Comm_group");
  check_mpi(MPI_Group_translate_ranks(group, 1, &first, all, &first_of_world),
            "MPI_Group_translate_ranks");
  MPI_Group_free(&all);
  const std::string name = fmt::format("seqsweep {} {}", first_of_world, tag);
  return MPI_Comm_create_from_group(group, name.c_str(), MPI_INFO_NULL, MPI_ERRORS_RETURN, created);
}

void leave_without_finalize(MPI_Comm comm, int code) {
  code_to_leave_with = code;  // A rank that hangs never comes; then the alarm ends this one.
  ::signal(SIGALRM, [](int) { ::_exit(code_to_leave_with); });
  ::alarm(kPatience_s);
  MPI_Comm living = MPI_COMM_NULL;
  if (MPIX_Comm_shrink(comm, &living) == MPI_SUCCESS) MPI_Barrier(living);
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace seqsweep
