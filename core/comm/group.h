// The ranks that train one run together. Every call is collective: all ranks of the group make the
// same calls in the same order, and it blocks until the others came. A group of one is a real group
// whose calls return at once, so no caller asks for the size to decide what to do.
// One thread uses a group. Failures of the transport throw Error (Fault::World).
#pragma once

#include <torch/types.h>

#include <memory>

namespace seqsweep {

class Group {
 public:
  virtual ~Group() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // x := sum over ranks, element by element; the same bits on every rank. float32, float64, int32
  // or int64, contiguous, on the group's device.
  virtual void all_reduce_sum(torch::Tensor& x) = 0;
  virtual void broadcast(torch::Tensor& x, int root) = 0;
  virtual bool any(bool mine) = 0;  // True on every rank when it was true on one.
};

std::unique_ptr<Group> make_local_group();

}  // namespace seqsweep
