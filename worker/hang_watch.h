// Watches the thread that makes it. Where that thread does not get on for a set time, the stack
// that it stands in is written to a file and logged: what it waits for is the first question of
// whoever reads that a worker hung. A process that is stopped as a whole cannot answer.
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <thread>

namespace seqsweep {

class HangWatch {
 public:
  // Removes a file that an earlier attempt left. One watch at a time in a process.
  HangWatch(std::filesystem::path file, double patience_s);
  ~HangWatch();
  HangWatch(const HangWatch&) = delete;
  HangWatch& operator=(const HangWatch&) = delete;

  void got_on() { count_.fetch_add(1, std::memory_order_relaxed); }  // Any thread.

 private:
  void watch();
  void tell_stack() const;

  const std::filesystem::path file_;
  const double patience_s_;
  const pthread_t watched_;
  std::atomic<uint64_t> count_{0};
  std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace seqsweep
