// A loop whose turns do not depend on each other, on all cores.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace seqsweep {

// Calls work(0) ... work(count - 1), in any order. The first exception ends the loop and is thrown.
template <typename Work>
void in_parallel(size_t count, Work&& work) {
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  {
    std::vector<std::jthread> threads;
    const size_t cores = std::max(1U, std::thread::hardware_concurrency());
    for (size_t i = 0; i < std::min(count, cores); ++i) {
      threads.emplace_back([&] {
        try {
          for (size_t item; (item = next++) < count;) work(item);
        } catch (...) {
          const std::lock_guard lock(mutex);
          if (!failure) failure = std::current_exception();
          next = count;
        }
      });
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace seqsweep
