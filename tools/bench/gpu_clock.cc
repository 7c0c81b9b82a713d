#include "tools/bench/gpu_clock.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/Event.h>
#include <torch/cuda.h>

#include <algorithm>
#include <cmath>

#include "core/base/clock.h"
#include "tools/bench/paired.h"

namespace seqsweep {

namespace {

constexpr int kRepeatsMost = 16;  // Some 1000 launches are queued at most.
constexpr double kEnough_s = 5e-3;
constexpr double kBusyMost_s = 40e-3;
constexpr int64_t kBusySize = 4096, kLargeSize = 8192;

double flops_of_product(int64_t size) {
  return 2 * std::pow(static_cast<double>(size), 3);
}

}  // namespace

GpuClock::GpuClock(int rounds) : rounds_(rounds) {
  const auto options = torch::TensorOptions(torch::kCUDA).dtype(torch::kFloat);
  a_ = torch::randn({kBusySize, kBusySize}, options);
  b_ = torch::randn({kBusySize, kBusySize}, options);
  c_ = torch::empty({kBusySize, kBusySize}, options);
  for (int i = 0; i < 2; ++i) {
    torch::cuda::synchronize();
    busy_s_ = seconds([&] {
      at::mm_out(c_, a_, b_);
      torch::cuda::synchronize();
    });
  }
}

double GpuClock::on_gpu_s(const std::function<void()>& work, int repeats, double launches_s) const {
  const c10::Stream stream = at::accelerator::getCurrentStream(at::accelerator::getDeviceIndex());
  c10::Event begin(c10::DeviceType::CUDA, c10::EventFlag::BACKEND_DEFAULT);
  c10::Event end(c10::DeviceType::CUDA, c10::EventFlag::BACKEND_DEFAULT);
  torch::cuda::synchronize();
  const double busy_s = std::min(1.5 * launches_s, kBusyMost_s);
  torch::Tensor product = c_;
  for (double queued_s = 0; queued_s <= busy_s; queued_s += busy_s_) at::mm_out(product, a_, b_);
  begin.record(stream);
  for (int i = 0; i < repeats; ++i) work();
  end.record(stream);
  torch::cuda::synchronize();
  return begin.elapsedTime(end) / 1e3 / repeats;
}

GpuClock::Times GpuClock::times(const std::function<void()>& work) const {
  work();  // Loads what it needs.
  torch::cuda::synchronize();
  const double once_s = seconds([&] {
    work();
    torch::cuda::synchronize();
  });
  const int repeats = static_cast<int>(std::clamp<double>(kEnough_s / once_s, 1, kRepeatsMost));
  std::vector<double> host_s, launches_s, gpu_s;
  for (int round = 0; round < rounds_; ++round) {
    const double start_s = monotonic_s();
    for (int i = 0; i < repeats; ++i) work();
    launches_s.push_back(monotonic_s() - start_s);
    torch::cuda::synchronize();
    host_s.push_back((monotonic_s() - start_s) / repeats);
  }
  for (int round = 0; round < rounds_; ++round) {
    gpu_s.push_back(on_gpu_s(work, repeats, median(launches_s)));
  }
  return {median(gpu_s), median(host_s)};
}

double GpuClock::product_s(int64_t size) const {
  const torch::Tensor a = torch::randn({size, size}, a_.options()), b = torch::randn_like(a);
  torch::Tensor c = torch::empty_like(a);
  return times([&] { at::mm_out(c, a, b); }).gpu_s;
}

Ceilings GpuClock::ceilings() const {
  const torch::Tensor from = torch::randn({int64_t{1} << 28}, a_.options());
  const torch::Tensor to = torch::empty_like(from);
  Ceilings ceilings;
  ceilings.bytes_a_second =
      2 * static_cast<double>(from.nbytes()) / times([&] { to.copy_(from); }).gpu_s;
  ceilings.flops = flops_of_product(kLargeSize) / product_s(kLargeSize);
  at::globalContext().setAllowTF32CuBLAS(true);
  ceilings.tf32_flops = flops_of_product(kLargeSize) / product_s(kLargeSize);
  at::globalContext().setAllowTF32CuBLAS(false);
  return ceilings;
}

}  // namespace seqsweep
