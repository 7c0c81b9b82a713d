#include "core/train/task.h"

namespace seqsweep {
namespace {

class WholeHistory : public Session {
 public:
  explicit WholeHistory(Task& task) : task_(task) {}

  void add(int32_t item) override { items_.push_back(item); }
  std::vector<Recommendation> recommend(int64_t count, Seen seen) override {
    const History history = items_;
    return task_.recommend({&history, 1}, count, seen).front();
  }

 private:
  Task& task_;
  std::vector<int32_t> items_;
};

}  // namespace

std::unique_ptr<Session> Task::follow() {
  return std::make_unique<WholeHistory>(*this);
}

}  // namespace seqsweep
