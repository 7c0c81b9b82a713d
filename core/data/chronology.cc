#include "core/data/chronology.h"

#include <sys/mman.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <memory>

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

// Calls work(first user, end) for both halves of the rows at once.
template <typename Work>
void in_halves(const std::vector<int64_t>& offsets, const Work& work) {
  const auto users = std::ssize(offsets) - 1;
  const auto middle =
      std::upper_bound(offsets.begin(), offsets.end() - 1, offsets.back() / 2) - offsets.begin();
  auto second = std::async(std::launch::async, [&] { work(middle, users); });
  work(0, middle);
  second.get();
}

// Memory that is not touched before it is written; in large pages where the system has them, as it
// is written in random order.
std::unique_ptr<Event[]> room_for(size_t events) {
  auto room = std::make_unique_for_overwrite<Event[]>(events);
  constexpr uintptr_t kPage = 4096;
  const auto begin = (reinterpret_cast<uintptr_t>(room.get()) + kPage - 1) / kPage * kPage;
  const auto end = reinterpret_cast<uintptr_t>(room.get() + events);
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  return room;
}

// Counting sort by user: within a user the events keep their file order.
std::unique_ptr<Event[]> group_by_user(InteractionTable& table,
                                       const std::vector<int64_t>& offsets) {
  std::vector<int64_t> next(offsets.begin(), offsets.end() - 1);
  const size_t rows = table.user.size();
  std::unique_ptr<Event[]> events = room_for(rows);
  const bool times = !table.time_us.empty();
  const bool ratings = !table.rating.empty();
  in_halves(offsets, [&](int64_t begin, int64_t end) {
    for (size_t i = 0; i < rows; ++i) {
      if (table.user[i] < begin || table.user[i] >= end) continue;
      const int64_t at = next[static_cast<size_t>(table.user[i])]++;
      events[static_cast<size_t>(at)] = {.time_us = times ? table.time_us[i] : 0,
                                         .item = table.item[i],
                                         .rating = ratings ? table.rating[i] : 0};
    }
  });
  release(table.user);
  release(table.item);
  release(table.rating);
  release(table.time_us);
  return events;
}

int64_t whole_seconds(int64_t us) {  // Rounded down, before 1970 too.
  return us / kMicrosecondsPerSecond - (us % kMicrosecondsPerSecond < 0 ? 1 : 0);
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
  const auto rows = static_cast<size_t>(out.offsets.back());
  const std::unique_ptr<Event[]> events = group_by_user(table, out.offsets);
  const auto by_time = [](const Event& a, const Event& b) { return a.time_us < b.time_us; };
  const auto by_time_and_rank = [&](const Event& a, const Event& b) {
    if (a.time_us != b.time_us) return a.time_us < b.time_us;
    return item_rank[static_cast<size_t>(a.item)] < item_rank[static_cast<size_t>(b.item)];
  };
  const auto row = [&](int64_t user) { return out.offsets[static_cast<size_t>(user)]; };
  const auto sort_users = [&](int64_t begin, int64_t end) {
    for (int64_t user = begin; user < end; ++user) {
      const std::span<Event> own(events.get() + row(user), events.get() + row(user + 1));
      if (item_rank.empty()) {
        sort_stably(own, by_time);
      } else {
        sort_stably(own, by_time_and_rank);
      }
    }
  };
  out.items.resize(rows);
  out.ratings.resize(traits.ratings ? rows : 0);
  out.timestamps.resize(traits.times == Times::Unix ? rows : 0);
  in_halves(out.offsets, [&](int64_t begin, int64_t end) {
    if (traits.times != Times::None) sort_users(begin, end);
    for (auto i = static_cast<size_t>(row(begin)); i < static_cast<size_t>(row(end)); ++i) {
      out.items[i] = events[i].item;
      if (traits.ratings) out.ratings[i] = events[i].rating;
      if (traits.times == Times::Unix) out.timestamps[i] = whole_seconds(events[i].time_us);
    }
  });
  return out;
}

}  // namespace seqsweep
