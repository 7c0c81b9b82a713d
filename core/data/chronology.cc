#include "core/data/chronology.h"

#include <algorithm>

namespace seqsweep {
namespace {

constexpr int64_t kMicrosecondsPerSecond = 1'000'000;

struct Event {
  int64_t time_us;
  int32_t item;
  float rating;
};

std::vector<int64_t> offsets_of(const std::vector<int32_t>& user, int64_t users) {
  std::vector<int64_t> offsets(static_cast<size_t>(users) + 1);
  for (const int32_t u : user) ++offsets[static_cast<size_t>(u) + 1];
  for (size_t u = 1; u < offsets.size(); ++u) offsets[u] += offsets[u - 1];
  return offsets;
}

template <typename T>
void release(std::vector<T>& column) {
  std::vector<T>().swap(column);
}

// Counting sort by user: within a user the events keep their file order.
std::vector<Event> group_by_user(InteractionTable& table, const std::vector<int64_t>& offsets) {
  std::vector<int64_t> next(offsets.begin(), offsets.end() - 1);
  std::vector<Event> events(table.user.size());
  const bool times = !table.time_us.empty();
  const bool ratings = !table.rating.empty();
  for (size_t i = 0; i < events.size(); ++i) {
    const int64_t at = next[static_cast<size_t>(table.user[i])]++;
    events[static_cast<size_t>(at)] = {.time_us = times ? table.time_us[i] : 0,
                                       .item = table.item[i],
                                       .rating = ratings ? table.rating[i] : 0};
  }
  release(table.user);
  release(table.item);
  release(table.rating);
  release(table.time_us);
  return events;
}

template <typename Before>
void sort_stably(std::span<Event> events, const Before& before) {
  constexpr size_t kShort = 32;
  if (events.size() > kShort) {
    if (!std::is_sorted(events.begin(), events.end(), before)) {
      std::stable_sort(events.begin(), events.end(), before);
    }
    return;
  }
  for (size_t i = 1; i < events.size(); ++i) {
    const Event event = events[i];
    size_t at = i;
    for (; at > 0 && before(event, events[at - 1]); --at) events[at] = events[at - 1];
    events[at] = event;
  }
}

}  // namespace

UserSequences order_by_time(InteractionTable& table, int64_t users,
                            std::span<const int32_t> item_rank) {
  UserSequences out;
  const InteractionTraits traits = table.traits();
  out.offsets = offsets_of(table.user, users);
  std::vector<Event> events = group_by_user(table, out.offsets);
  const auto by_time = [](const Event& a, const Event& b) { return a.time_us < b.time_us; };
  const auto by_time_and_rank = [&](const Event& a, const Event& b) {
    if (a.time_us != b.time_us) return a.time_us < b.time_us;
    return item_rank[static_cast<size_t>(a.item)] < item_rank[static_cast<size_t>(b.item)];
  };
  for (int64_t u = 0; u < users && traits.times != Times::None; ++u) {
    const auto begin = static_cast<size_t>(out.offsets[static_cast<size_t>(u)]);
    const auto end = static_cast<size_t>(out.offsets[static_cast<size_t>(u) + 1]);
    const std::span<Event> own(events.data() + begin, end - begin);
    if (item_rank.empty()) {
      sort_stably(own, by_time);
    } else {
      sort_stably(own, by_time_and_rank);
    }
  }
  out.items.reserve(events.size());
  for (const Event& event : events) out.items.push_back(event.item);
  if (traits.ratings) {
    out.ratings.reserve(events.size());
    for (const Event& event : events) out.ratings.push_back(event.rating);
  }
  if (traits.times == Times::Unix) {
    out.timestamps.reserve(events.size());
    for (const Event& event : events) {
      const int64_t us = event.time_us;
      const bool down = us % kMicrosecondsPerSecond < 0;  // Before 1970: round down, not to zero.
      out.timestamps.push_back(us / kMicrosecondsPerSecond - (down ? 1 : 0));
    }
  }
  return out;
}

}  // namespace seqsweep
