// Ranks of a group as threads of one process: run_ranks(3, [](Group& group) { ... }).
#pragma once

#include <ATen/Parallel.h>

#include <barrier>
#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "core/comm/group.h"

namespace seqsweep {

// What the ranks share. All calls are collective, so one slot a rank suffices.
struct ThreadRanks {
  explicit ThreadRanks(int size) : slots(static_cast<size_t>(size)), barrier(size) {}
  std::vector<torch::Tensor> slots;
  torch::Tensor result;
  std::barrier<> barrier;
};

class ThreadGroup : public Group {
 public:
  ThreadGroup(ThreadRanks& ranks, int rank) : ranks_(ranks), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(ranks_.slots.size()); }

  void all_reduce_sum(torch::Tensor& x) override {
    exchange(x, [this] {
      ranks_.result = ranks_.slots[0].clone();
      for (size_t i = 1; i < ranks_.slots.size(); ++i) ranks_.result.add_(ranks_.slots[i]);
    });
  }
  void broadcast(torch::Tensor& x, int root) override {
    exchange(x, [this, root] { ranks_.result = ranks_.slots[static_cast<size_t>(root)].clone(); });
  }
  bool any(bool mine) override {
    torch::Tensor count = torch::full({1}, mine ? 1 : 0, torch::kInt64);
    all_reduce_sum(count);
    return count.item<int64_t>() > 0;
  }

 private:
  // x := what the first rank makes of all ranks' x.
  void exchange(torch::Tensor& x, const std::function<void()>& combine) {
    const torch::NoGradGuard no_grad;
    ranks_.slots[static_cast<size_t>(rank_)] = x;
    ranks_.barrier.arrive_and_wait();
    if (rank_ == 0) combine();
    ranks_.barrier.arrive_and_wait();
    x.copy_(ranks_.result);
    ranks_.barrier.arrive_and_wait();
  }

  ThreadRanks& ranks_;
  int rank_;
};

// Runs `body` once a rank, each in its own thread; rethrows what the first failing rank threw. All
// ranks must fail alike: one that leaves alone keeps the others waiting.
inline void run_ranks(int size, const std::function<void(Group&)>& body) {
  ThreadRanks ranks(size);
  std::vector<std::exception_ptr> errors(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      at::set_num_threads(1);
      ThreadGroup group(ranks, rank);
      try {
        body(group);
      } catch (...) {
        errors[static_cast<size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace seqsweep
