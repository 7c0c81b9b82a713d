// Works that a Python script asks for, a line each, in turns with its own: each is made when its
// line first comes, done once uncounted, and then done and timed at every line.
#pragma once

#include <fmt/format.h>
#include <torch/utils.h>

#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include "core/base/clock.h"
#include "core/base/error.h"

namespace seqsweep {

using Work = std::function<void()>;

// Answers every line of standard input with seconds; the main of such a program. Its one argument
// is the number of threads.
inline int serve_works(int argc, char** argv, const std::function<Work(const std::string&)>& make) {
  try {
    if (argc != 2) throw_input("usage: {} THREADS", argv[0]);
    torch::set_num_threads(std::stoi(argv[1]));
    std::map<std::string, Work> works;
    for (std::string line; std::getline(std::cin, line);) {
      const auto [found, is_new] = works.try_emplace(line);
      if (is_new) {
        found->second = make(line);
        found->second();
      }
      const double start_s = monotonic_s();
      found->second();
      std::cout << fmt::format("{:.9f}", monotonic_s() - start_s) << std::endl;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}

}  // namespace seqsweep
