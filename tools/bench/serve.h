// Works that a Python script asks for, a line each, in turns with its own: each is made when its
// line first comes, done once uncounted, and then done and timed at every line.
// Usage of such a program: NAME THREADS [DEVICE [TIMES]]
//   DEVICE  cpu, or cuda: waited for before a clock is read
//   TIMES   how often a line does its work, 1; the answer is the seconds of one
#pragma once

#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "kernels/cuda_plugin.h"

namespace seqsweep {

using Work = std::function<void()>;

using MakeWork = std::function<Work(const std::string& line, torch::Device)>;

inline torch::Device served_device(const std::string& name) {
  if (name == "cpu") return torch::kCPU;
  if (name != "cuda") throw_input("DEVICE must be cpu or cuda, is '{}'", name);
  load_cuda_plugin();
  if (!torch::cuda::is_available()) throw_input("DEVICE cuda: no usable GPU");
  return {torch::kCUDA, 0};
}

// The seconds of one of so many, all of the device's work in them.
inline double seconds_of_one(const Work& work, int64_t times, torch::Device device) {
  if (device.is_cuda()) torch::cuda::synchronize();
  const double start_s = monotonic_s();
  for (int64_t i = 0; i < times; ++i) work();
  if (device.is_cuda()) torch::cuda::synchronize();
  return (monotonic_s() - start_s) / static_cast<double>(times);
}

// Answers every line of standard input with seconds; the main of such a program.
inline int serve_works(int argc, char** argv, const MakeWork& make) {
  try {
    if (argc < 2 || argc > 4) throw_input("usage: {} THREADS [DEVICE [TIMES]]", argv[0]);
    torch::set_num_threads(std::stoi(argv[1]));
    const torch::Device device = served_device(argc > 2 ? argv[2] : "cpu");
    const int64_t times = argc > 3 ? std::stoll(argv[3]) : 1;
    std::map<std::string, Work> works;
    for (std::string line; std::getline(std::cin, line);) {
      const auto [found, is_new] = works.try_emplace(line);
      if (is_new) {
        found->second = make(line, device);
        found->second();
      }
      std::cout << fmt::format("{:.9f}", seconds_of_one(found->second, times, device)) << std::endl;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}

// Of works that are always done on the CPU.
inline int serve_works(int argc, char** argv,
                       const std::function<Work(const std::string& line)>& make) {
  return serve_works(argc, argv, [&make](const std::string& line, torch::Device device) {
    if (!device.is_cpu()) throw_input("these works know only the DEVICE cpu");
    return make(line);
  });
}

}  // namespace seqsweep
