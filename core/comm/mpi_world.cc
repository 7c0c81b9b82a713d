#include "core/comm/mpi_world.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/comm/mpi_check.h"
#include "core/comm/mpi_ulfm.h"

namespace seqsweep {
namespace {

constexpr unsigned kInitPatience_s = 600;

// Ranks of one host may be bound to cores of their own or share all of them: those with the same
// cores divide them.
int64_t share_of_cores(MPI_Comm world, int rank, int size) {
  MPI_Comm host = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(world, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &host),
            "MPI_Comm_split_type");
  int neighbours = 0;
  check_mpi(MPI_Comm_size(host, &neighbours), "MPI_Comm_size");
  struct Place {
    cpu_set_t cores;
    bool trains;
  };
  Place mine{};
  SEQ_CHECK(::sched_getaffinity(0, sizeof(mine.cores), &mine.cores) == 0);
  mine.trains = rank != 0 || size == 1;
  std::vector<Place> places(static_cast<size_t>(neighbours));
  check_mpi(
      MPI_Allgather(&mine, sizeof(Place), MPI_BYTE, places.data(), sizeof(Place), MPI_BYTE, host),
      "MPI_Allgather");
  check_mpi(MPI_Comm_free(&host), "MPI_Comm_free");
  const auto sharers = std::count_if(places.begin(), places.end(), [&](const Place& place) {
    return place.trains && CPU_EQUAL(&place.cores, &mine.cores);
  });
  return std::max<int64_t>(1, CPU_COUNT(&mine.cores) / std::max<int64_t>(1, sharers));
}

}  // namespace

std::string error_text(int code, const char* call) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  return fmt::format("{}: {}", call, std::string(text, static_cast<size_t>(length)));
}

void check_mpi(int code, const char* call) {
  if (code != MPI_SUCCESS) throw_world("{}", error_text(code, call));
}

MpiWorld::MpiWorld(bool replaces) : state_(std::make_unique<State>()) {
  SEQ_CHECK(started_by_mpirun());
  begin(replaces);
  state_->cores = share_of_cores(state_->comm, state_->rank, state_->size);
}

MpiWorld::MpiWorld(const Replacement& place) : state_(std::make_unique<State>()) {
  begin(/*replaces=*/false);
  check_mpi(MPI_Comm_get_parent(&state_->parent), "MPI_Comm_get_parent");
  if (state_->parent == MPI_COMM_NULL) {
    MPI_Finalize();
    throw_input("--replaces: only a sweep starts such a process, in the place of one that died");
  }
  check_mpi(MPI_Comm_set_errhandler(state_->parent, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  state_->rank = place.rank;
  state_->size = place.rank + 1;
  state_->cores = place.cores;
}

void MpiWorld::begin(bool replaces) {
  int provided = 0;
  // One thread at a time, not always the same: torch's backward on a GPU has its own, and sums are
  // started in it.
  ::alarm(kInitPatience_s);  // A rank that dies meanwhile leaves the others in there for ever.
  const int wanted = replaces ? MPI_THREAD_MULTIPLE : MPI_THREAD_SERIALIZED;
  check_mpi(MPI_Init_thread(nullptr, nullptr, wanted, &provided), "MPI_Init_thread");
  ::alarm(0);
  state_->can_replace = provided == MPI_THREAD_MULTIPLE && survives_deaths();
  if (provided < MPI_THREAD_SERIALIZED) {
    throw_world("MPI_Init_thread: this MPI allows one thread only; use one with thread support");
  }
  // Errors before the first communicator of our own must not end the job either.
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &state_->comm), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(state_->comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(state_->comm, &state_->rank), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(state_->comm, &state_->size), "MPI_Comm_size");
}

MpiWorld::~MpiWorld() {
  MPI_Comm_free(&state_->comm);
  MPI_Finalize();
}

void MpiWorld::note_death() const {
  state_->broken = true;
}

bool MpiWorld::is_broken() const {
  return state_->broken;
}

bool MpiWorld::can_replace() const {
  return state_->can_replace;
}

// A replacement ends by itself when the coordinator has left before it: for its launcher, any other
// end than MPI_Finalize is a failure.
void MpiWorld::leave_if_broken(int code) const {
  const bool told_to_leave = state_->parent != MPI_COMM_NULL && code == kExitDone;
  if (state_->broken && !told_to_leave) leave_without_finalize(state_->comm, code);
}

int MpiWorld::rank() const {
  return state_->rank;
}
int MpiWorld::size() const {
  return state_->size;
}
int64_t MpiWorld::cores() const {
  return state_->cores;
}

std::string MpiWorld::version() const {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  check_mpi(MPI_Get_library_version(text, &length), "MPI_Get_library_version");
  const std::string first_line = split({text, static_cast<size_t>(length)}, '\n').front();
  return split(first_line, ',').front();
}

}  // namespace seqsweep
