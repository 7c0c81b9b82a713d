#include "core/train/gradient_buckets.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace seqsweep {
namespace {

class FinalGradient : public torch::autograd::PostAccumulateGradHook {
 public:
  explicit FinalGradient(std::function<void()> then) : then_(std::move(then)) {}
  void operator()(const torch::Tensor&) override { then_(); }

 private:
  std::function<void()> then_;
};

}  // namespace

std::vector<Bucket> cut_into_buckets(const std::vector<ParameterSlice>& slices, int64_t numbers,
                                     int64_t least) {
  std::vector<Bucket> buckets;
  Bucket open;
  int64_t end = numbers;
  for (size_t i = slices.size(); i-- > 0;) {
    open.parameters.push_back(i);
    open.begin = slices[i].begin;
    open.size = end - open.begin;
    if (open.size < least && i > 0) continue;
    end = open.begin;
    buckets.push_back(std::exchange(open, {}));
  }
  if (buckets.empty()) buckets.push_back({.begin = 0, .size = numbers});
  return buckets;
}

GradientBuckets::GradientBuckets(Parameters& parameters, Group& group, int64_t least_bytes)
    : parameters_(parameters), group_(group) {
  if (group.size() == 1) return;
  const torch::Tensor& sums = parameters.sums();
  const int64_t least = std::max(least_bytes / sums.element_size(), sums.numel() / kMost);
  buckets_ = cut_into_buckets(parameters.slices(), sums.numel(), least);
  bucket_of_.resize(parameters.slices().size());
  for (size_t b = 0; b < buckets_.size(); ++b) {
    for (const size_t parameter : buckets_[b].parameters) bucket_of_[parameter] = b;
  }
  for (size_t i = 0; i < bucket_of_.size(); ++i) {
    torch::autograd::impl::set_post_acc_grad_hooks(
        parameters.tensors()[i],
        std::make_unique<FinalGradient>([this, i] { gradient_is_final(i); }));
  }
}

GradientBuckets::~GradientBuckets() {
  for (size_t i = 0; i < bucket_of_.size(); ++i) {
    torch::autograd::impl::set_post_acc_grad_hooks(parameters_.tensors()[i], nullptr);
  }
}

void GradientBuckets::expect_last_backward() {
  last_backward_ = true;
  missing_.clear();
  for (const Bucket& bucket : buckets_) missing_.push_back(bucket.parameters.size());
}

// In a thread of torch's on a GPU; the one that called backward() waits meanwhile.
void GradientBuckets::gradient_is_final(size_t parameter) {
  if (!last_backward_) return;
  --missing_[bucket_of_[parameter]];
  for (const auto& sum : started_) sum->done();  // MPI moves on only when it is called.
  while (started_.size() < buckets_.size() && missing_[started_.size()] == 0) start_next();
}

// A parameter that took no part in the last backward keeps its bucket until here.
void GradientBuckets::finish() {
  last_backward_ = false;
  while (started_.size() < buckets_.size()) start_next();
  for (const auto& sum : started_) sum->wait();
  started_.clear();
}

void GradientBuckets::start_next() {
  const Bucket& bucket = buckets_[started_.size()];
  started_.push_back(group_.start_sum(parameters_.sums().narrow(0, bucket.begin, bucket.size)));
}

}  // namespace seqsweep
