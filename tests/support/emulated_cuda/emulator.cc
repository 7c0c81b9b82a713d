#undef _FORTIFY_SOURCE  // Its longjmp takes a jump to another stack for a mistake.
#include "tests/support/emulated_cuda/emulator.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

// Of all `__shared__` variables, by the linker.
extern char shared_begin[] asm("__start_emulated_shared");
extern char shared_end[] asm("__stop_emulated_shared");

namespace emulated_cuda {

namespace {

constexpr int kMostThreads = 1024;
constexpr size_t kStackBytes = 128 << 10, kGuardBytes = 4096, kNobodysBytes = 256;
constexpr int kNaN = 0xFF;

enum class State { Ready, AtBlockBarrier, InWarpCall, Done };

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
};

struct Thread {
  jmp_buf place;
  ucontext_t start;
  State state = State::Ready;
  int number = 0;
  bool fresh = true;
  uint3 index;
  std::deque<std::vector<Copy>> copies;  // The last group is not committed.
};

// Lanes may be one call apart, so that two calls' values are kept.
struct Warp {
  uint64_t values[2][kWarpSize];
  unsigned calls = 0;
  int arrived = 0, lanes = 0;
  WarpCall call = WarpCall::Sync;
};

// All of them behind one another, each above a page that may not be touched.
class Stacks {
 public:
  Stacks()
      : memory_(static_cast<char*>(mmap(nullptr, kMostThreads * kStep, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    for (int i = 0; i < kMostThreads; ++i) mprotect(memory_ + i * kStep, kGuardBytes, PROT_NONE);
  }
  char* of(int thread) const { return memory_ + thread * kStep + kGuardBytes; }

 private:
  static constexpr size_t kStep = kStackBytes + kGuardBytes;
  char* memory_;
};

std::string& error_text() {
  static std::string text;
  return text;
}

class Block {
 public:
  // Of the launch that runs.
  static Block*& running() {
    static Block* block = nullptr;
    return block;
  }

  Block(const Shape& shape, const std::function<void()>& body, bool rising)
      : shape_(shape),
        body_(body),
        rising_(rising),
        count_(static_cast<int>(shape.block.x * shape.block.y * shape.block.z)),
        threads_(count_),
        warps_((count_ + kWarpSize - 1) / kWarpSize),
        shared_(shape.shared_bytes + kNobodysBytes + kAlignment) {
    const auto address = reinterpret_cast<uintptr_t>(shared_.data());
    dynamic_shared_ = shared_.data() + (kAlignment - address % kAlignment) % kAlignment;
    for (int i = 0; i < count_; ++i) {
      threads_[i].number = i;
      threads_[i].index = {i % shape.block.x, i / shape.block.x % shape.block.y,
                           i / shape.block.x / shape.block.y};
      ++warps_[i / kWarpSize].lanes;
    }
  }

  void run() {
    std::memset(shared_begin, kNaN, shared_end - shared_begin);
    std::ranges::fill(shared_, static_cast<char>(kNaN));
    for (Thread& thread : threads_) {
      thread.state = State::Ready;
      thread.copies.assign(1, {});
      prepare(thread);
    }
    for (Warp& warp : warps_) warp.arrived = 0;
    at_barrier_ = done_ = 0;
    bool went_on = true;
    while (went_on && done_ < count_ && error_text().empty()) {
      went_on = false;
      for (int i = 0; i < count_; ++i) {
        Thread& thread = threads_[rising_ ? i : count_ - 1 - i];
        if (thread.state != State::Ready) continue;
        went_on = true;
        resume(thread);
        if (!error_text().empty()) return;
      }
    }
    if (done_ < count_) return fail("threads wait for ever: " + where_they_are());
    check_nobodys_bytes();
  }

  void wait_for_block() {
    if (++at_barrier_ == count_) {
      at_barrier_ = 0;
      for (Thread& thread : threads_) {
        if (thread.state == State::AtBlockBarrier) thread.state = State::Ready;
      }
      return;
    }
    leave(State::AtBlockBarrier);
  }

  const uint64_t* meet_warp(WarpCall call, unsigned mask, uint64_t value) {
    Thread& self = *current_;
    Warp& warp = warps_[self.number / kWarpSize];
    if (mask != ~0U) abandon("a mask that is not all lanes is not emulated");
    if (warp.arrived > 0 && warp.call != call) abandon("lanes of a warp meet in different calls");
    warp.call = call;
    uint64_t* const values = warp.values[warp.calls % 2];
    if (warp.arrived == 0) std::fill_n(values, kWarpSize, 0);
    values[self.number % kWarpSize] = value;
    if (++warp.arrived < warp.lanes) {
      leave(State::InWarpCall);
      return values;
    }
    warp.arrived = 0;
    ++warp.calls;
    const int first = self.number / kWarpSize * kWarpSize;
    for (int i = first; i < first + warp.lanes; ++i) {
      if (threads_[i].state == State::InWarpCall) threads_[i].state = State::Ready;
    }
    return values;
  }

  [[noreturn]] void abandon(const std::string& what) {
    fail(what);
    leave(State::Done);
    __builtin_unreachable();  // Nobody resumes it.
  }

  Thread& current() { return *current_; }
  void* dynamic_shared() { return dynamic_shared_; }

 private:
  static constexpr size_t kAlignment = 128;

  void fail(const std::string& what) {
    const auto text = [](unsigned x) { return std::to_string(x); };
    set_error(("emulated: block (" + text(blockIdx.x) + ", " + text(blockIdx.y) + ", " +
               text(blockIdx.z) + "): " + what)
                  .c_str());
  }

  std::string where_they_are() const {
    int in_warp_call = 0;
    for (const Thread& thread : threads_) in_warp_call += thread.state == State::InWarpCall;
    return std::to_string(at_barrier_) + " at __syncthreads(), " + std::to_string(in_warp_call) +
           " where their warp is to meet; " + std::to_string(done_) + " have returned";
  }

  void check_nobodys_bytes() {
    const char* const end = dynamic_shared_ + shape_.shared_bytes;
    if (std::all_of(end, end + kNobodysBytes, [](char c) { return c == static_cast<char>(kNaN); }))
      return;
    fail("something was written behind the " + std::to_string(shape_.shared_bytes) +
         " bytes of dynamic shared memory");
  }

  static void begin() {
    Block& block = *running();
    block.body_();
    ++block.done_;
    block.leave(State::Done);
  }

  void prepare(Thread& thread) {
    static const Stacks stacks;
    getcontext(&thread.start);
    thread.start.uc_stack.ss_sp = stacks.of(thread.number);
    thread.start.uc_stack.ss_size = kStackBytes;
    thread.start.uc_link = nullptr;
    makecontext(&thread.start, &Block::begin, 0);
    thread.fresh = true;
  }

  // Jumps, unlike swapcontext(), ask the kernel nothing.
  __attribute__((noinline)) void resume(Thread& thread) {
    current_ = &thread;
    threadIdx = thread.index;
    if (_setjmp(scheduler_) != 0) return;
    if (!thread.fresh) _longjmp(thread.place, 1);
    thread.fresh = false;
    setcontext(&thread.start);
  }
  __attribute__((noinline)) void leave(State state) {
    Thread& self = *current_;
    self.state = state;
    if (_setjmp(self.place) == 0) _longjmp(scheduler_, 1);
  }

  Shape shape_;
  const std::function<void()>& body_;
  bool rising_;
  int count_, at_barrier_ = 0, done_ = 0;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<char> shared_;
  char* dynamic_shared_;
  Thread* current_ = nullptr;
  jmp_buf scheduler_;
};

std::map<const void*, size_t>& allowed() {
  static std::map<const void*, size_t> bytes;
  return bytes;
}

void do_copies(const std::vector<Copy>& copies) {
  for (const Copy& copy : copies) std::memcpy(copy.to, copy.from, copy.bytes);
}

}  // namespace

void set_error(const char* text) {
  if (error_text().empty()) error_text() = text;
}

const char* take_error() {
  static std::string taken;
  taken = std::exchange(error_text(), {});
  return taken.empty() ? nullptr : taken.c_str();
}

void run(const Shape& shape, const std::function<void()>& body) {
  static std::mutex one_at_a_time;
  static unsigned launches = 0;
  const std::scoped_lock lock(one_at_a_time);
  const auto& [grid, block, bytes, most] = shape;
  const uint64_t threads = uint64_t(block.x) * block.y * block.z;
  if (threads == 0 || threads > kMostThreads || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.x > 0x7FFFFFFF || grid.y > 65535 || grid.z > 65535) {
    return set_error("emulated: a grid or block of a size that no GPU takes");
  }
  if (bytes > most) {
    return set_error("emulated: more dynamic shared memory than the kernel may have");
  }
  // A hash, since a call may launch two kernels.
  Block of_launch(shape, body, /*rising=*/(++launches * 0x9E3779B9U >> 31) != 0);
  Block::running() = &of_launch;
  blockDim = block;
  gridDim = grid;
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z) {
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y) {
      for (blockIdx.x = 0; blockIdx.x < grid.x && error_text().empty(); ++blockIdx.x) {
        of_launch.run();
      }
    }
  }
}

void wait_for_block() {
  Block::running()->wait_for_block();
}
const uint64_t* meet_warp(WarpCall call, unsigned mask, uint64_t value) {
  return Block::running()->meet_warp(call, mask, value);
}
int lane() {
  return Block::running()->current().number % kWarpSize;
}
void* dynamic_shared_bytes() {
  return Block::running()->dynamic_shared();
}

void begin_copy(void* to, const void* from, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0 ||
      reinterpret_cast<uintptr_t>(from) % bytes != 0)
    Block::running()->abandon("an asynchronous copy of " + std::to_string(bytes) +
                              " bytes does not begin at a multiple of them");
  std::memset(to, kNaN, bytes);
  Block::running()->current().copies.back().push_back({to, from, bytes});
}
void commit_copies() {
  Block::running()->current().copies.emplace_back();
}
void wait_for_copies(size_t groups_under_way) {
  auto& copies = Block::running()->current().copies;
  for (; copies.size() > groups_under_way + 1; copies.pop_front()) do_copies(copies.front());
}

void allow_shared_bytes(const void* kernel, int bytes) {
  if (bytes < 0 || static_cast<size_t>(bytes) > kMostSharedBytes) {
    return set_error("emulated: no sm_80 has so much shared memory a block");
  }
  allowed()[kernel] = bytes;
}
size_t shared_bytes_most(const void* kernel) {
  const auto found = allowed().find(kernel);
  return found == allowed().end() ? kUsualSharedBytes : std::max(found->second, kUsualSharedBytes);
}

}  // namespace emulated_cuda
