#include "core/train/task.h"

#include <algorithm>

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

std::vector<int32_t> Task::worst(std::span<const History> histories,
                                 std::span<const History> barred, std::span<const char> allowed) {
  std::vector<int32_t> worst;
  const auto lists = recommend(histories, std::ssize(allowed), Seen::LeftOut);
  for (size_t i = 0; i < lists.size(); ++i) {
    const auto last = std::find_if(lists[i].rbegin(), lists[i].rend(), [&](const auto& listed) {
      return allowed[static_cast<size_t>(listed.item)] != 0 &&
             std::ranges::find(barred[i], listed.item) == barred[i].end();
    });
    worst.push_back(last == lists[i].rend() ? kNotRecommended : last->item);
  }
  return worst;
}

std::unique_ptr<Session> Task::follow() {
  return std::make_unique<WholeHistory>(*this);
}

}  // namespace seqsweep
