#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/comm/group.h"
#include "core/comm/mpi_check.h"
#include "core/comm/mpi_ulfm.h"

namespace seqsweep {
namespace {

constexpr int kFailedTag = 2;        // A member's word that it left by an exception.
constexpr int kLookEvery = 256;      // Tests of requests between looks for such a word.
constexpr int kPatientAfter = 2048;  // Tests, about a millisecond: then others get the core.
constexpr std::chrono::microseconds kPause{50};
constexpr int64_t kChunk = 1LL << 28;  // Elements of one MPI call, which counts in int.

MPI_Datatype mpi_type(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32:
      return MPI_FLOAT;
    case torch::kFloat64:
      return MPI_DOUBLE;
    case torch::kInt32:
      return MPI_INT32_T;
    case torch::kInt64:
      return MPI_INT64_T;
    default:
      SEQ_CHECK(false && "a group reduces float32, float64, int32 and int64");
      return MPI_DATATYPE_NULL;
  }
}

// Where a group's ranks talk.
struct Place {
  MPI_Comm comm = MPI_COMM_NULL;
  int rank = 0, size = 1;
};

// As check_mpi, but a member's death has a cause of its own.
void check_group(int code, const char* call) {
  if (is_death(code)) throw Error(Fault::World, "group: a member died", "lost");
  check_mpi(code, call);
}

// Throws when a member said that it left.
void require_all_members(const Place& place) {
  int failed = 0;
  MPI_Status status{};
  check_group(MPI_Iprobe(MPI_ANY_SOURCE, kFailedTag, place.comm, &failed, &status), "MPI_Iprobe");
  if (failed) {
    throw_world("group: rank {} of {} failed in the middle of a step", status.MPI_SOURCE,
                place.size);
  }
}

// Pieces of a tensor that MPI can count, each with its request.
class Transfer {
 public:
  // `start(data, count, type, request)` begins one piece.
  template <typename Start>
  Transfer(const Place& place, const torch::Tensor& host, Start&& start)
      : place_(place), host_(host) {
    SEQ_CHECK(host.is_contiguous() && host.is_cpu());
    auto* data = static_cast<char*>(host.data_ptr());
    for (int64_t begin = 0; begin < host.numel(); begin += kChunk) {
      const auto count = static_cast<int>(std::min(kChunk, host.numel() - begin));
      start(data + begin * host.element_size(), count, mpi_type(host.scalar_type()),
            &requests_.emplace_back(MPI_REQUEST_NULL));
    }
  }
  // MPI may write to the tensor still when it was not waited for, so it is never freed then.
  ~Transfer() {
    static std::vector<torch::Tensor> left_to_mpi;
    for (const MPI_Request& request : requests_) {
      if (request != MPI_REQUEST_NULL) left_to_mpi.push_back(host_);
    }
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // One after the other: MPI_Testall would say that one of them failed, and not why.
  bool done() {
    for (MPI_Request& request : requests_) {
      int done = 0;
      check_group(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (!done) return false;
    }
    return true;
  }
  void wait() {
    for (int tests = 1; !done(); ++tests) {
      const bool patient = tests > kPatientAfter;
      if (patient || tests % kLookEvery == 0) require_all_members(place_);
      // Ranks may be more than cores. One that waits long waits for a slower one.
      patient ? std::this_thread::sleep_for(kPause) : std::this_thread::yield();
    }
  }

 private:
  const Place& place_;
  torch::Tensor host_;
  std::vector<MPI_Request> requests_;
};

// The tensor, or a copy of it in host memory.
torch::Tensor on_host(const torch::Tensor& x) {
  return x.is_cpu() ? x : x.cpu();
}

class MpiSum : public PendingSum {
 public:
  MpiSum(const Place& place, const torch::Tensor& x)
      : x_(x),
        host_(on_host(x)),
        transfer_(place, host_, [&](void* data, int count, MPI_Datatype type, auto* request) {
          check_group(MPI_Iallreduce(MPI_IN_PLACE, data, count, type, MPI_SUM, place.comm, request),
                      "MPI_Iallreduce");
        }) {}

  bool done() override { return transfer_.done(); }
  void wait() override {
    transfer_.wait();
    const torch::NoGradGuard no_grad;
    if (!x_.is_cpu()) x_.copy_(host_);
  }

 private:
  torch::Tensor x_, host_;
  Transfer transfer_;
};

class MpiGroup : public Group {
 public:
  MpiGroup(const MpiWorld& world, const std::vector<int64_t>& members, int tag) {
    const std::vector<int> ranks(members.begin(), members.end());
    MPI_Group all = MPI_GROUP_NULL, chosen = MPI_GROUP_NULL;
    check_mpi(MPI_Comm_group(world.state().comm, &all), "MPI_Comm_group");
    check_mpi(MPI_Group_incl(all, static_cast<int>(ranks.size()), ranks.data(), &chosen),
              "MPI_Group_incl");
    check_group(create_comm(world.state().comm, chosen, tag, &place_.comm), "create_comm");
    MPI_Group_free(&chosen);
    MPI_Group_free(&all);
    check_mpi(MPI_Comm_set_errhandler(place_.comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_rank(place_.comm, &place_.rank), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(place_.comm, &place_.size), "MPI_Comm_size");
  }

  // By an exception the group is over: the others are told, and the communicator, in which they may
  // be in the middle of a call, is left to MPI.
  ~MpiGroup() override {
    if (std::uncaught_exceptions() == exceptions_) {
      MPI_Comm_free(&place_.comm);
      return;
    }
    for (int peer = 0; peer < place_.size; ++peer) {
      MPI_Request request = MPI_REQUEST_NULL;
      if (peer == place_.rank) continue;
      MPI_Isend(nullptr, 0, MPI_BYTE, peer, kFailedTag, place_.comm, &request);
      MPI_Request_free(&request);
    }
  }

  int rank() const override { return place_.rank; }
  int size() const override { return place_.size; }

  // MPI's ways to add either hand finished sums on or add the same pairs on both sides, and a + b
  // is b + a: the bits are the same everywhere as long as the ranks' machines are of one kind.
  std::unique_ptr<PendingSum> start_sum(const torch::Tensor& x) override {
    return std::make_unique<MpiSum>(place_, x);
  }

  void broadcast(torch::Tensor& x, int root) override {
    const torch::Tensor host = on_host(x);
    Transfer(place_, host, [&](void* data, int count, MPI_Datatype type, auto* request) {
      check_group(MPI_Ibcast(data, count, type, root, place_.comm, request), "MPI_Ibcast");
    }).wait();
    const torch::NoGradGuard no_grad;
    if (!x.is_cpu()) x.copy_(host);
  }

 private:
  Place place_;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace

std::unique_ptr<Group> make_mpi_group(const MpiWorld& world, const std::vector<int64_t>& members,
                                      int tag) {
  if (members.size() == 1) return make_local_group();
  return std::make_unique<MpiGroup>(world, members, tag);
}

}  // namespace seqsweep
