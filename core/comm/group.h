// The ranks that train one run together. Every call is collective: all ranks of the group make the
// same calls in the same order. A group of one is a real group whose calls return at once, so no
// caller asks for the size to decide what to do. One thread at a time uses a group. Failures of the
// transport throw Error (Fault::World).
#pragma once

#include <torch/types.h>

#include <memory>
#include <span>

namespace seqsweep {

// A sum over the ranks that was started. Its tensor is left alone until wait() came back.
class PendingSum {
 public:
  virtual ~PendingSum() = default;
  virtual bool done() = 0;  // Moves it along; does not block.
  virtual void wait() = 0;  // Then the tensor has the sum: at once, or in its device's own order.
};

class Group {
 public:
  virtual ~Group() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // x := sum over ranks, element by element; the same bits on every rank. float32, float64, int32
  // or int64, contiguous, in host memory or on the group's device. Does not block.
  virtual std::unique_ptr<PendingSum> start_sum(const torch::Tensor& x) = 0;
  // These block until the others came; the tensors as above.
  void all_reduce_sum(const torch::Tensor& x) { start_sum(x)->wait(); }
  void all_reduce_sum(std::span<double> x) {
    all_reduce_sum(torch::from_blob(x.data(), {std::ssize(x)}, torch::kFloat64));
  }
  virtual void broadcast(torch::Tensor& x, int root) = 0;

  // To be called when the device has made what was waited for, before that is kept: throws where a
  // sum may have ended without its peers.
  virtual void require_whole() {}

  bool any(bool mine) {  // True on every rank when it was true on one.
    double votes = mine ? 1 : 0;
    all_reduce_sum({&votes, 1});
    return votes > 0;
  }
};

std::unique_ptr<Group> make_local_group();

}  // namespace seqsweep
