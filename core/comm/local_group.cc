#include "core/base/check.h"
#include "core/comm/group.h"

namespace seqsweep {
namespace {

class LocalGroup : public Group {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_reduce_sum(torch::Tensor&) override {}
  void broadcast(torch::Tensor&, int root) override { SEQ_CHECK(root == 0); }
  bool any(bool mine) override { return mine; }
};

}  // namespace

std::unique_ptr<Group> make_local_group() {
  return std::make_unique<LocalGroup>();
}

}  // namespace seqsweep
