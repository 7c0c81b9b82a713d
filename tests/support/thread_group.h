// Ranks of a group as threads of one process: run_ranks(3, [](Group& group) { ... }).
#pragma once

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/comm/group.h"

namespace seqsweep {

// One collective call of all ranks: the last one to come combines what the ranks brought.
struct ThreadCall {
  std::vector<torch::Tensor> brought;
  int came = 0;
  torch::Tensor result;
};

// What the ranks share. Calls are told apart by their number, since all ranks make the same ones.
struct ThreadRanks {
  using Combine = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

  explicit ThreadRanks(int ranks) : size(static_cast<size_t>(ranks)) {}

  void bring(int64_t number, int rank, const torch::Tensor& x, const Combine& combine) {
    const std::lock_guard lock(mutex);
    ThreadCall& call = calls[number];
    call.brought.resize(size);
    call.brought[static_cast<size_t>(rank)] = x.clone();
    if (++call.came < static_cast<int>(size)) return;
    for (const torch::Tensor& other : call.brought) {  // Or the ranks' calls have another order.
      EXPECT_EQ(other.sizes(), x.sizes());
      EXPECT_EQ(other.scalar_type(), x.scalar_type());
    }
    call.result = combine(call.brought);
    all_came.notify_all();
  }
  bool complete(int64_t number) {
    const std::lock_guard lock(mutex);
    return calls[number].result.defined();
  }
  torch::Tensor await(int64_t number) {
    std::unique_lock lock(mutex);
    all_came.wait(lock, [&] { return failed || calls[number].result.defined(); });
    if (!calls[number].result.defined()) throw_world("group: another rank failed");
    return calls[number].result;
  }
  void fail() {
    const std::lock_guard lock(mutex);
    failed = true;
    all_came.notify_all();
  }

  const size_t size;
  std::mutex mutex;
  std::condition_variable all_came;
  std::map<int64_t, ThreadCall> calls;  // Kept to the end: tests are small.
  bool failed = false;
};

class ThreadSum : public PendingSum {
 public:
  ThreadSum(ThreadRanks& ranks, int64_t number, const torch::Tensor& x)
      : ranks_(ranks), number_(number), x_(x) {}
  bool done() override { return ranks_.complete(number_); }
  void wait() override {
    const torch::NoGradGuard no_grad;
    x_.copy_(ranks_.await(number_));
  }

 private:
  ThreadRanks& ranks_;
  int64_t number_;
  torch::Tensor x_;
};

class ThreadGroup : public Group {
 public:
  ThreadGroup(ThreadRanks& ranks, int rank) : ranks_(ranks), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(ranks_.size); }

  std::unique_ptr<PendingSum> start_sum(const torch::Tensor& x) override {
    const torch::NoGradGuard no_grad;
    ranks_.bring(++calls_, rank_, x, [](const std::vector<torch::Tensor>& brought) {
      torch::Tensor sum = brought[0].clone();
      for (size_t i = 1; i < brought.size(); ++i) sum.add_(brought[i]);
      return sum;
    });
    return std::make_unique<ThreadSum>(ranks_, calls_, x);
  }
  void broadcast(torch::Tensor& x, int root) override {
    const torch::NoGradGuard no_grad;
    ranks_.bring(++calls_, rank_, x,
                 [root](const auto& brought) { return brought[static_cast<size_t>(root)]; });
    x.copy_(ranks_.await(calls_));
  }

 private:
  ThreadRanks& ranks_;
  int rank_;
  int64_t calls_ = 0;
};

// Runs `body` once a rank, each in its own thread; rethrows what the first failing rank threw. The
// calls of the others then throw, as those of a group over MPI do.
inline void run_ranks(int size, const std::function<void(Group&)>& body) {
  ThreadRanks ranks(size);
  std::exception_ptr first_error;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      at::set_num_threads(1);
      ThreadGroup group(ranks, rank);
      try {
        body(group);
      } catch (...) {
        {
          const std::lock_guard lock(ranks.mutex);
          if (!first_error) first_error = std::current_exception();
        }
        ranks.fail();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace seqsweep
