#include "tools/bench/bench.h"

#include <ATen/DeviceAccelerator.h>
#include <fmt/format.h>
#include <malloc.h>
#include <torch/cuda.h>
#include <torch/utils.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <utility>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tools/bench/paired.h"

namespace seqsweep {

namespace {

int64_t status_kb(const std::string& key) {
  for (const std::string& line : split(read_file("/proc/self/status"), '\n')) {
    if (line.starts_with(key)) return std::stoll(line.substr(key.size()));
  }
  return 0;
}

// The allocator first gives back what it keeps, the kernel forgets the old peak.
double extra_peak_mb_of_process(const std::function<void()>& work) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;
  const int64_t before_kb = status_kb("VmRSS:");
  work();
  return static_cast<double>(status_kb("VmHWM:") - before_kb) / 1024;
}

double extra_peak_mb_of_gpu(const std::function<void()>& work) {
  const auto held = [] {
    const c10::DeviceIndex device = at::accelerator::getDeviceIndex();
    return at::accelerator::getDeviceStats(device).allocated_bytes[0];  // Of all pools.
  };
  torch::cuda::synchronize();
  at::accelerator::resetPeakStats(at::accelerator::getDeviceIndex());
  const int64_t before = held().current;
  work();
  torch::cuda::synchronize();
  return static_cast<double>(held().peak - before) / (1 << 20);
}

// Of errors of torch, whose texts go on with the calls that led there.
std::string first_line(const char* text) {
  const std::string whole = text;
  return whole.substr(0, whole.find('\n'));
}

bool gpu_answers() {
  try {
    torch::cuda::synchronize();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

Bench::Bench(int rounds, torch::Device device, int skipped, std::string named)
    : rounds_(rounds), device_(device), skipped_(skipped), named_(std::move(named)) {
  if (!on_gpu()) return;
  clock_ = std::make_unique<GpuClock>(rounds);
  ceilings_ = clock_->ceilings();
  at::accelerator::emptyCache();
}

torch::Tensor Bench::leaf(at::IntArrayRef sizes) const {
  return random(sizes).mul_(0.1).requires_grad_();
}

torch::Tensor Bench::ids(int64_t below, at::IntArrayRef sizes) const {
  return torch::randint(below, sizes, options(torch::kLong));
}

torch::Tensor Bench::offsets(int64_t sequences, int64_t length) const {
  return torch::arange(0, sequences * length + 1, length, options(torch::kInt));
}

void Bench::print_head() {
  if (!on_gpu()) {
    fmt::print("{} threads, medians of {} rounds\n\n", torch::get_num_threads(), rounds_);
    fmt::print("| operator | ours, ms | ATen eager, ms | times faster |\n|---|---:|---:|---:|\n");
    return;
  }
  if (skipped_ > 0) return;
  fmt::print(
      "GPU, medians of {} rounds; a copy moves {:.2f} TB/s; a product does {:.1f} TFLOPS in "
      "float32, {:.0f} in TF32\n\n",
      rounds_, ceilings_.bytes_a_second / 1e12, ceilings_.flops / 1e12,
      ceilings_.tf32_flops / 1e12);
  fmt::print(
      "| operator | ours, ms | ATen eager, ms | times faster | bytes, ms | flops, ms | of the "
      "floor | launched by the host: ours, ms | eager, ms |\n");
  fmt::print("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
}

void Bench::compare(const std::string& name, const Least& least, const std::function<void()>& ours,
                    const std::function<void()>& eager) {
  if (rows_++ < skipped_ || name.find(named_) == std::string::npos) return;
  ++timed_;
  if (on_gpu()) {
    compare_on_gpu(name, least, ours, eager);
  } else {
    compare_on_cpu(name, ours, eager);
  }
  std::fflush(stdout);
}

void Bench::compare_on_cpu(const std::string& name, const std::function<void()>& ours,
                           const std::function<void()>& eager) const {
  ours();
  eager();
  std::vector<double> ours_s, eager_s, ratios;
  for (int round = 0; round < rounds_; ++round) {
    ours_s.push_back(seconds(ours));
    eager_s.push_back(seconds(eager));
    ratios.push_back(eager_s.back() / ours_s.back());
  }
  fmt::print("| {} | {:.1f} | {:.1f} | {:.2f} |\n", name, 1e3 * median(ours_s),
             1e3 * median(eager_s), median(ratios));
}

void Bench::compare_on_gpu(const std::string& name, const Least& least,
                           const std::function<void()>& ours, const std::function<void()>& eager) {
  fmt::print("| {} |", name);
  std::fflush(stdout);  // Whatever happens, it is known where.
  const char* who = "ours";
  try {
    const GpuClock::Times ours_s = clock_->times(ours);
    fmt::print(" {:.3f} |", 1e3 * ours_s.gpu_s);
    const double bytes_s = least.bytes / ceilings_.bytes_a_second;
    const double flops_s = least.flops / ceilings_.flops;
    who = "eager";
    const GpuClock::Times eager_s = clock_->times(eager);
    fmt::print(" {:.3f} | {:.2f} | {:.3f} | {:.3f} | {:.0f}% | {:.3f} | {:.3f} |\n",
               1e3 * eager_s.gpu_s, eager_s.gpu_s / ours_s.gpu_s, 1e3 * bytes_s, 1e3 * flops_s,
               100 * std::max(bytes_s, flops_s) / ours_s.gpu_s, 1e3 * ours_s.host_s,
               1e3 * eager_s.host_s);
  } catch (const std::exception& error) {
    ++failed_;
    fmt::print(" {} failed: {} |\n", who, first_line(error.what()));
  }
  std::fflush(stdout);
  if (!gpu_answers() && go_on) go_on();
  at::accelerator::emptyCache();
}

double Bench::extra_peak_mb(const std::function<void()>& work) const {
  return on_gpu() ? extra_peak_mb_of_gpu(work) : extra_peak_mb_of_process(work);
}

}  // namespace seqsweep
