// Our kernels beside the same arithmetic in eager ATen: forward and backward, float32, in one
// process. Prints Markdown tables. Usage: bench_kernels [ROUNDS [THREADS [NAME]]], NAME for the
// rows of one operator, or on a GPU bench_kernels ROUNDS cuda [ROWS TO SKIP]
#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/utils.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>

#include "core/base/error.h"
#include "kernels/cuda_plugin.h"
#include "tools/bench/cases.h"

namespace seqsweep {

namespace {

// A kernel that went astray takes the process's use of the GPU with it: a new one does the rest.
[[noreturn]] void go_on_in_another_process(const char* rounds, int rows) {
  std::fflush(stdout);
  const std::string skipped = std::to_string(rows);
  execl("/proc/self/exe", "bench_kernels", rounds, "cuda", skipped.c_str(), "failed", nullptr);
  throw_run("bench_kernels: cannot start again behind row {}", rows);
}

int bench_kernels(int argc, char** argv) {
  const char* rounds = argc > 1 ? argv[1] : "15";
  const std::string second = argc > 2 ? argv[2] : "";
  const bool on_gpu = second == "cuda";
  if (on_gpu) {
    load_cuda_plugin();
    if (torch::cuda::device_count() == 0) throw_input("bench_kernels: there is no GPU");
  } else if (!second.empty()) {
    torch::set_num_threads(std::stoi(second));
  }
  const bool failed_before = argc > 4;
  const std::string third = argc > 3 ? argv[3] : "";
  const std::string named = on_gpu ? "" : third;
  Bench bench(std::stoi(rounds), on_gpu ? torch::kCUDA : torch::kCPU,
              on_gpu && !third.empty() ? std::stoi(third) : 0, named);
  bench.go_on = [&] { go_on_in_another_process(rounds, bench.rows()); };
  bench.print_head();
  bool complete = true;
  const auto print_rows = [&](void (*cases)(Bench&)) {
    try {
      cases(bench);
    } catch (const std::exception& error) {  // In making inputs.
      complete = false;
      fmt::print("| failed: {} |\n", error.what());
    }
  };
  for (const auto cases :
       {bench_catalogue_kernels, bench_attention_kernels, bench_state_space_kernels,
        bench_recurrent_kernels, bench_optimizer_kernels, bench_weight_kernels}) {
    print_rows(cases);
  }
  if (!named.empty()) {
    if (bench.timed() == 0) throw_input("bench_kernels: no row has '{}' in its name", named);
    return complete ? 0 : 1;
  }
  fmt::print("\n| extra memory at its peak | ours, MB | ATen eager, MB | times less |\n");
  fmt::print("|---|---:|---:|---:|\n");
  print_rows(bench_catalogue_memory);
  return complete && bench.failed() == 0 && !failed_before ? 0 : 1;
}

}  // namespace

}  // namespace seqsweep

int main(int argc, char** argv) {
  try {
    return seqsweep::bench_kernels(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
