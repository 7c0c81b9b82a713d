// NCCL between GPUs. The communicator does not block: what hangs because a peer is gone is aborted
// by a watching thread, and the next call of the group throws.
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime.h>
#include <nccl.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "core/base/error.h"
#include "core/comm/device_group.h"
#include "core/comm/group.h"

namespace seqsweep {
namespace {

using at::cuda::CUDAEvent;
using c10::cuda::getCurrentCUDAStream;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLook{100};
constexpr std::chrono::minutes kPatience{
    5};  // For peers that compute or start; then they are gone.

ncclDataType_t nccl_type(const torch::Tensor& x) {
  switch (x.scalar_type()) {
    case torch::kFloat32:
      return ncclFloat32;
    case torch::kFloat64:
      return ncclFloat64;
    case torch::kInt32:
      return ncclInt32;
    case torch::kInt64:
      return ncclInt64;
    default:
      throw_run("group: NCCL sums float32, float64, int32 and int64");
  }
}

// The id of rank 0, sent by the host's group.
ncclUniqueId shared_id(Group& host) {
  ncclUniqueId id{};
  if (host.rank() == 0 && ncclGetUniqueId(&id) != ncclSuccess) {
    throw_world("ncclGetUniqueId: {}", ncclGetLastError(nullptr));
  }
  torch::Tensor bytes = torch::from_blob(
      id.internal, {NCCL_UNIQUE_ID_BYTES / static_cast<int64_t>(sizeof(int64_t))}, torch::kInt64);
  host.broadcast(bytes, 0);
  return id;
}

class NcclSum : public PendingSum {
 public:
  NcclSum(const torch::Tensor& x, std::shared_ptr<CUDAEvent> end) : x_(x), end_(std::move(end)) {}
  bool done() override { return end_->query(); }
  void wait() override { end_->block(getCurrentCUDAStream(x_.get_device())); }

 private:
  torch::Tensor x_;
  std::shared_ptr<CUDAEvent> end_;
};

class NcclGroup : public Group {
 public:
  NcclGroup(Group& host, int device)
      : host_(host),
        device_(static_cast<c10::DeviceIndex>(device)),
        stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device_)) {
    const c10::cuda::CUDAGuard guard(device_);
    const ncclUniqueId id = shared_id(host);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    const std::lock_guard lock(mutex_);
    settle(ncclCommInitRankConfig(&comm_, host.size(), id, host.rank(), &config));
    watcher_ = std::thread([this] { watch(); });
  }

  // By an exception the peers do not come any more.
  ~NcclGroup() override {
    {
      const std::lock_guard lock(mutex_);
      left_ = true;
    }
    leaving_.notify_all();
    watcher_.join();
    const bool orderly = std::uncaught_exceptions() == exceptions_;
    if (comm_ != nullptr && orderly && settled(ncclCommFinalize(comm_)) == ncclSuccess) {
      ncclCommDestroy(comm_);
    } else {
      abort();
    }
  }

  int rank() const override { return host_.rank(); }
  int size() const override { return host_.size(); }

  // NCCL hands finished sums from GPU to GPU: the same bits on all.
  std::unique_ptr<PendingSum> start_sum(const torch::Tensor& x) override {
    if (!x.is_cuda()) {
      require_whole();
      return host_.start_sum(x);
    }
    return std::make_unique<NcclSum>(x, enqueue(x, [&] {
                                       return ncclAllReduce(x.data_ptr(), x.data_ptr(), x.numel(),
                                                            nccl_type(x), ncclSum, comm_, stream_);
                                     }));
  }

  void broadcast(torch::Tensor& x, int root) override {
    if (!x.is_cuda()) {
      require_whole();
      return host_.broadcast(x, root);
    }
    enqueue(x, [&] {
      return ncclBroadcast(x.data_ptr(), x.data_ptr(), x.numel(), nccl_type(x), root, comm_,
                           stream_);
    })->block(getCurrentCUDAStream(device_));
  }

  void require_whole() override {
    const std::lock_guard lock(mutex_);
    require_communicator();
  }

 private:
  struct UnderWay {
    std::shared_ptr<CUDAEvent> end;
    steady_clock::time_point since;
  };

  // On our stream, after what the current one has so far. The event marks its end.
  template <typename Call>
  std::shared_ptr<CUDAEvent> enqueue(const torch::Tensor& x, Call&& call) {
    TORCH_CHECK(x.is_contiguous());
    const c10::cuda::CUDAGuard guard(device_);
    CUDAEvent begin;
    begin.record(getCurrentCUDAStream(device_));
    begin.block(stream_);
    auto end = std::make_shared<CUDAEvent>();
    const std::lock_guard lock(mutex_);
    require_communicator();
    settle(call());
    end->record(stream_);
    under_way_.push_back({end, steady_clock::now()});
    return end;
  }

  // Of a call that did not block: what became of it.
  ncclResult_t settled(ncclResult_t result) {
    const auto deadline = steady_clock::now() + kPatience;
    while (result == ncclInProgress && steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::microseconds(20));
      if (ncclCommGetAsyncError(comm_, &result) != ncclSuccess) return ncclInternalError;
    }
    return result;
  }
  void settle(ncclResult_t result) {
    result = settled(result);
    if (result == ncclSuccess) return;
    abort();
    throw_world("NCCL: {} ({})", ncclGetErrorString(result), ncclGetLastError(nullptr));
  }

  void require_communicator() const {
    if (comm_ == nullptr) throw_world("NCCL: another rank failed, or its network did");
  }
  void abort() {
    if (comm_ != nullptr) ncclCommAbort(comm_);
    comm_ = nullptr;
  }

  // The thread of the run may be waiting for its GPU, and that for a peer, when something breaks.
  void watch() {
    std::unique_lock lock(mutex_);
    while (!leaving_.wait_for(lock, kLook, [this] { return left_; })) {
      if (comm_ != nullptr && is_broken()) abort();
    }
  }

  bool is_broken() {
    try {
      while (!under_way_.empty() && under_way_.front().end->query()) under_way_.pop_front();
    } catch (const c10::Error&) {
      return true;  // The GPU itself: the thread of the run meets it too, and tells it.
    }
    const bool late =
        !under_way_.empty() && steady_clock::now() - under_way_.front().since > kPatience;
    ncclResult_t state = ncclSuccess;
    ncclCommGetAsyncError(comm_, &state);
    return late || (state != ncclSuccess && state != ncclInProgress);
  }

  Group& host_;
  c10::DeviceIndex device_;
  c10::cuda::CUDAStream stream_;
  int exceptions_ = std::uncaught_exceptions();

  std::mutex mutex_;  // Of what follows.
  ncclComm_t comm_ = nullptr;
  std::deque<UnderWay> under_way_;
  bool left_ = false;
  std::condition_variable leaving_;
  std::thread watcher_;
};

// By the GPUs' own ids: their numbers mean nothing between hosts and containers.
bool share_a_gpu(Group& host, int device) {
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
    throw_world("device cuda:{}: its properties cannot be read", device);
  }
  torch::Tensor ids = torch::zeros({host.size(), 2}, torch::kInt64);
  static_assert(sizeof(properties.uuid) == 2 * sizeof(int64_t));
  std::memcpy(ids[host.rank()].data_ptr(), &properties.uuid, sizeof(properties.uuid));
  host.all_reduce_sum(ids);
  for (int a = 0; a < host.size(); ++a) {
    for (int b = 0; b < a; ++b) {
      if (torch::equal(ids[a], ids[b])) return true;
    }
  }
  return false;
}

}  // namespace

extern "C" Group* seqsweep_make_nccl_group(Group& host, int device) {
  if (share_a_gpu(host, device)) return nullptr;
  return std::make_unique<NcclGroup>(host, device).release();
}

}  // namespace seqsweep
