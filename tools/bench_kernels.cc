// Our CPU kernels beside the same arithmetic in eager ATen: forward and backward, float32, in one
// process. Prints Markdown tables. Usage: bench_kernels [ROUNDS] [THREADS]
#include <fmt/format.h>
#include <torch/utils.h>

#include <string>

#include "tools/bench/cases.h"

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::stoi(argv[1]) : 15;
  if (argc > 2) torch::set_num_threads(std::stoi(argv[2]));
  fmt::print("{} threads, medians of {} rounds\n\n", torch::get_num_threads(), rounds);
  fmt::print("| operator | ours, ms | ATen eager, ms | times faster |\n|---|---:|---:|---:|\n");
  seqsweep::bench_catalogue_kernels(rounds);
  seqsweep::bench_attention_kernels(rounds);
  seqsweep::bench_state_space_kernels(rounds);
  fmt::print("\n| extra memory at its peak | ours, MB | ATen eager, MB | times less |\n");
  fmt::print("|---|---:|---:|---:|\n");
  seqsweep::bench_catalogue_memory();
  return 0;
}
