// What the cases of bench_kernels are given: a device, inputs on it, and compare(), which times
// ours and the eager form and prints a row.
#pragma once

#include <torch/autograd.h>
#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench/gpu_clock.h"

namespace seqsweep {

// The least that a work has to do. Bytes: each tensor of a pass once, forward and backward being
// two passes, which meet only in what the forward returns.
struct Least {
  double bytes = 0, flops = 0;
};

// An exponential in flops: GPUs do an eighth as many of them as of multiply-adds, which are two.
constexpr double kExpFlops = 16;

class Bench {
 public:
  // The first `skipped` rows are not timed: for what follows a row after which a GPU is gone. Nor
  // are rows without `named` in their names.
  Bench(int rounds, torch::Device device, int skipped, std::string named);

  bool on_gpu() const { return device_.is_cuda(); }
  torch::TensorOptions options(torch::ScalarType type = torch::kFloat) const {
    return torch::TensorOptions(device_).dtype(type);
  }
  torch::Tensor leaf(at::IntArrayRef sizes) const;
  torch::Tensor random(at::IntArrayRef sizes) const { return torch::randn(sizes, options()); }
  torch::Tensor ids(int64_t below, at::IntArrayRef sizes) const;  // int64
  torch::Tensor offsets(int64_t sequences, int64_t length) const;

  // What the device can do and the head of the table of times.
  void print_head();
  // On the CPU the two take turns, so that what else the machine does meets both, and the ratio is
  // the median of the rounds' ratios. On a GPU a work that throws is a row, and the next one
  // follows.
  void compare(const std::string& name, const Least& least, const std::function<void()>& ours,
               const std::function<void()>& eager);
  // Most memory that `work` holds at a time beyond what is held before it.
  double extra_peak_mb(const std::function<void()>& work) const;

  int rows() const { return rows_; }
  int timed() const { return timed_; }
  int failed() const { return failed_; }
  // Another process goes on behind the current row where the GPU answers no more.
  std::function<void()> go_on;

 private:
  void compare_on_cpu(const std::string& name, const std::function<void()>& ours,
                      const std::function<void()>& eager) const;
  void compare_on_gpu(const std::string& name, const Least& least,
                      const std::function<void()>& ours, const std::function<void()>& eager);

  int rounds_;
  torch::Device device_;
  int skipped_, rows_ = 0, timed_ = 0, failed_ = 0;
  std::string named_;
  std::unique_ptr<GpuClock> clock_;  // On a GPU.
  Ceilings ceilings_;
};

// Gradients alone, added to nothing. `d_out` may be undefined where out is a scalar.
inline void differentiate(const torch::Tensor& out, const std::vector<torch::Tensor>& inputs,
                          const torch::Tensor& d_out = {}) {
  torch::autograd::grad({out}, inputs, {d_out});
}

}  // namespace seqsweep
