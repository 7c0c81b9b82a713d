// Times work on a GPU with events.
#pragma once

#include <torch/types.h>

#include <functional>

namespace seqsweep {

// What the card does, measured.
struct Ceilings {
  double bytes_a_second = 0;  // Read and written by a copy.
  double flops = 0;           // A second, of a large product in float32,
  double tf32_flops = 0;      // and in TF32.
};

// A large product is queued ahead of what is timed, so that the host launches all of it meanwhile
// and its launches do not count; what waits for the GPU itself is timed with its waits.
class GpuClock {
 public:
  explicit GpuClock(int rounds);

  // Medians of the rounds, of one call: on the GPU; and as the host sees a row of calls, launches
  // included.
  struct Times {
    double gpu_s = 0, host_s = 0;
  };
  Times times(const std::function<void()>& work) const;
  Ceilings ceilings() const;

 private:
  double on_gpu_s(const std::function<void()>& work, int repeats, double launches_s) const;
  double product_s(int64_t size) const;

  int rounds_;
  torch::Tensor a_, b_, c_;
  double busy_s_ = 0;  // How long their product takes.
};

}  // namespace seqsweep
