#include "core/base/error.h"
#include "core/comm/group.h"
#include "core/comm/mpi_world.h"

namespace seqsweep {
namespace {

[[noreturn]] void throw_no_mpi() {
  throw_input(
      "seqsweep was built without MPI: build it with SEQSWEEP_MPI=ON, or run it without "
      "mpirun");
}

}  // namespace

struct MpiWorld::State {};

MpiWorld::MpiWorld(bool) {
  throw_no_mpi();
}
MpiWorld::MpiWorld(const Replacement&) {
  throw_no_mpi();
}
MpiWorld::~MpiWorld() = default;

int MpiWorld::rank() const {
  throw_no_mpi();
}
int MpiWorld::size() const {
  throw_no_mpi();
}
int64_t MpiWorld::cores() const {
  throw_no_mpi();
}
std::string MpiWorld::version() const {
  throw_no_mpi();
}

void MpiWorld::leave_if_broken(int) const {
  throw_no_mpi();
}
void MpiWorld::note_death() const {
  throw_no_mpi();
}
bool MpiWorld::is_broken() const {
  throw_no_mpi();
}
bool MpiWorld::can_replace() const {
  throw_no_mpi();
}

std::unique_ptr<Transport> make_mpi_transport(const MpiWorld&) {
  throw_no_mpi();
}

std::unique_ptr<Group> make_mpi_group(const MpiWorld&, const std::vector<int64_t>&, int) {
  throw_no_mpi();
}

}  // namespace seqsweep
