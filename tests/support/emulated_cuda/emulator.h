// CUDA's model of a computation on the CPU, for tests: a kernel's blocks run one after another, the
// threads of a block as fibers that give way at barriers. Not for speed: it shows wrong numbers,
// reads of what nobody wrote, writes beyond an end and barriers that some threads never reach.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// Of the thread that runs.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace emulated_cuda {

// What an sm_80 grants a block; more than the usual only to kernels that asked.
constexpr size_t kUsualSharedBytes = 48 << 10, kMostSharedBytes = 163 << 10;

struct Shape {
  dim3 grid, block;
  size_t shared_bytes = 0, shared_bytes_most = kUsualSharedBytes;
};

// Runs body() once a thread. Before each block all shared memory is filled with bytes of ones: a
// NaN as float, double or bfloat16. Threads go in rising or in falling order, by the number of the
// launch, so that two calls differ where a barrier is missing. An error stops the launch; the first
// one since the last take_error() is kept.
void run(const Shape& shape, const std::function<void()>& body);
// nullptr: none.
const char* take_error();
void set_error(const char* text);

// ---- called by the threads of a kernel ----

// Waits for all threads of the block. One that has returned does not come any more: an error.
void wait_for_block();

enum class WarpCall { Sync, Shuffle, Vote };
constexpr int kWarpSize = 32;
// The values that the 32 lanes bring to the same call; zeros of lanes that the block does not have.
// `mask` must be all lanes.
const uint64_t* meet_warp(WarpCall call, unsigned mask, uint64_t value);

template <typename T>
T exchange(unsigned mask, T value, int source) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  std::memcpy(&value, meet_warp(WarpCall::Shuffle, mask, bits) + source, sizeof(T));
  return value;
}
int lane();

// The dynamic shared memory of the block.
void* dynamic_shared_bytes();
template <typename T>
T* dynamic_shared() {
  return static_cast<T*>(dynamic_shared_bytes());
}

// Copies that are done when they are waited for, not before: `to` holds NaN until then.
void begin_copy(void* to, const void* from, size_t bytes);
void commit_copies();
void wait_for_copies(size_t groups_under_way);

// ---- called by what launches ----

void allow_shared_bytes(const void* kernel, int bytes);
size_t shared_bytes_most(const void* kernel);

// kernel<<<grid, block, bytes, stream>>>(arguments) becomes Launch(kernel, grid, ...)(arguments).
template <typename... Parameters>
class Launch {
 public:
  using Kernel = void (*)(Parameters...);
  Launch(Kernel kernel, dim3 grid, dim3 block, size_t shared_bytes = 0, void* = nullptr)
      : kernel_(kernel),
        shape_{grid, block, shared_bytes,
               shared_bytes_most(reinterpret_cast<const void*>(kernel))} {}
  void operator()(Parameters... arguments) const {
    run(shape_, [&] { kernel_(arguments...); });
  }

 private:
  Kernel kernel_;
  Shape shape_;
};

}  // namespace emulated_cuda
