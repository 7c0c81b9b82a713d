#include <sched.h>

#include <algorithm>
#include <exception>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/comm/group.h"
#include "core/comm/mpi_check.h"

namespace seqsweep {
namespace {

constexpr int kFailedTag = 2;          // A member's word that it left by an exception.
constexpr int kLookEvery = 256;        // Tests of a request between looks for such a word.
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

class MpiGroup : public Group {
 public:
  MpiGroup(const MpiWorld& world, const std::vector<int64_t>& members, int tag) {
    const std::vector<int> ranks(members.begin(), members.end());
    MPI_Group all = MPI_GROUP_NULL, chosen = MPI_GROUP_NULL;
    check_mpi(MPI_Comm_group(world.state().comm, &all), "MPI_Comm_group");
    check_mpi(MPI_Group_incl(all, static_cast<int>(ranks.size()), ranks.data(), &chosen),
              "MPI_Group_incl");
    check_mpi(MPI_Comm_create_group(world.state().comm, chosen, tag, &comm_),
              "MPI_Comm_create_group");
    MPI_Group_free(&chosen);
    MPI_Group_free(&all);
    check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
  }

  // By an exception the group is over: the others are told, and the communicator, in which they may
  // be in the middle of a call, is left to MPI.
  ~MpiGroup() override {
    if (std::uncaught_exceptions() == exceptions_) {
      MPI_Comm_free(&comm_);
      return;
    }
    for (int peer = 0; peer < size_; ++peer) {
      MPI_Request request = MPI_REQUEST_NULL;
      if (peer == rank_) continue;
      MPI_Isend(nullptr, 0, MPI_BYTE, peer, kFailedTag, comm_, &request);
      MPI_Request_free(&request);
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_reduce_sum(torch::Tensor& x) override {
    on_host(x, [&](torch::Tensor& chunk) {
      MPI_Request request = MPI_REQUEST_NULL;
      check_mpi(MPI_Iallreduce(MPI_IN_PLACE, chunk.data_ptr(), static_cast<int>(chunk.numel()),
                               mpi_type(chunk.scalar_type()), MPI_SUM, comm_, &request),
                "MPI_Iallreduce");
      wait(request, chunk);
    });
  }

  void broadcast(torch::Tensor& x, int root) override {
    on_host(x, [&](torch::Tensor& chunk) {
      MPI_Request request = MPI_REQUEST_NULL;
      check_mpi(MPI_Ibcast(chunk.data_ptr(), static_cast<int>(chunk.numel()),
                           mpi_type(chunk.scalar_type()), root, comm_, &request),
                "MPI_Ibcast");
      wait(request, chunk);
    });
  }

  bool any(bool mine) override {
    torch::Tensor votes = torch::full({1}, mine ? 1 : 0, torch::kInt64);
    all_reduce_sum(votes);
    return votes.item<int64_t>() > 0;
  }

 private:
  // Calls `body` with pieces of the tensor, or of its copy in host memory, that MPI can count.
  template <typename Body>
  void on_host(torch::Tensor& x, Body&& body) {
    SEQ_CHECK(x.is_contiguous());
    const torch::NoGradGuard no_grad;
    const torch::Tensor host = x.is_cpu() ? x : x.cpu();
    const torch::Tensor flat = host.view({-1});
    for (int64_t begin = 0; begin < flat.numel(); begin += kChunk) {
      torch::Tensor chunk = flat.narrow(0, begin, std::min(kChunk, flat.numel() - begin));
      body(chunk);
    }
    if (!x.is_cpu()) x.copy_(host);
  }

  // Until the request is done, or a member said that it left. MPI may write to the tensor still in
  // that case, so it is never freed then.
  void wait(MPI_Request& request, const torch::Tensor& tensor) {
    for (int tests = 1;; ++tests) {
      int done = 0;
      check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done) return;
      if (tests % kLookEvery != 0) continue;
      int failed = 0;
      MPI_Status status{};
      check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kFailedTag, comm_, &failed, &status), "MPI_Iprobe");
      if (failed) {
        static std::vector<torch::Tensor> left_to_mpi;
        left_to_mpi.push_back(tensor);
        throw_world("group: rank {} of {} failed in the middle of a step", status.MPI_SOURCE,
                    size_);
      }
      ::sched_yield();  // Ranks may be more than cores.
    }
  }

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace

std::unique_ptr<Group> make_mpi_group(const MpiWorld& world, const std::vector<int64_t>& members,
                                      int tag) {
  if (members.size() == 1) return make_local_group();
  return std::make_unique<MpiGroup>(world, members, tag);
}

}  // namespace seqsweep
