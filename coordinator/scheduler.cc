#include "coordinator/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "coordinator/outlook.h"
#include "core/base/check.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

// The longest run first once each worker has so many times its length left: longest-first lists end
// evenly, and before that it does not matter.
constexpr double kTail = 2;

int64_t after(int64_t now_ms, double seconds) {
  return now_ms + static_cast<int64_t>(seconds * 1000);
}

std::string bytes_text(int64_t bytes) {
  return human_bytes(static_cast<uint64_t>(bytes));
}

const char* device_word(const Devices& devices) {
  return devices.has_gpus() ? "GPU" : "host";
}

std::string workers_text(int64_t count) {
  return fmt::format("{} worker{}", count, count == 1 ? "" : "s");
}

}  // namespace

void Scheduler::release(std::span<const int64_t> members) {
  forget(members.front());
  for (const int64_t rank : members) workers_.free(rank);
}

void Scheduler::lose(std::span<const int64_t> members) {
  forget(members.front());
  for (const int64_t rank : members) workers_.lose(rank);
}

void Scheduler::forget(int64_t leader) {
  const auto found = running_.find(leader);
  if (found == running_.end()) return;
  const Running& run = found->second;
  ends_.erase({run.end_ms, leader});
  ends_sum_ms_ -= static_cast<double>(run.end_ms) * run.ranks();
  busy_ -= run.ranks();
  running_.erase(found);
}

void Scheduler::expect_end(int64_t leader, int64_t end_ms) {
  const auto found = running_.find(leader);
  if (found == running_.end()) return;
  Running& run = found->second;
  ends_.erase({run.end_ms, leader});
  ends_sum_ms_ += static_cast<double>(end_ms - run.end_ms) * run.ranks();
  run.end_ms = end_ms;
  ends_.emplace(end_ms, leader);
}

std::vector<Scheduler::Start> Scheduler::start(int64_t now_ms) {
  waiting_.wake(now_ms);
  reserved_.reset();
  std::vector<Start> starts;
  while (workers_.places(1) > 0) {
    const WaitingRuns::Order by = order(now_ms);
    const WaitingRun* first = waiting_.first(by, ranks_max());
    if (!first) break;
    if (!fits(*first)) {
      reserved_ = reserve(*first, now_ms);
      if (reserved_->at_ms) fill_behind(now_ms, starts);
      break;
    }
    starts.push_back(
        place(by == WaitingRuns::Order::Turn ? with_data_at_hand(*first) : *first, now_ms));
  }
  return starts;
}

// Runs that leave the reservation where it is: they end before it, or there is room beside it.
void Scheduler::fill_behind(int64_t now_ms, std::vector<Start>& starts) {
  const auto may = [this](const WaitingRun& run) { return fits(run); };
  const double until_s = double(*reserved_->at_ms - now_ms) / 1000;
  while (workers_.places(1) > 0) {
    hold_reserved(true);
    const WaitingRun* run = waiting_.first_that(order(now_ms), workers_.free(), may);
    const bool fits_beside = run != nullptr;
    if (fits_beside) {
      starts.push_back(place(*run, now_ms));
      for (const int64_t rank : starts.back().members) {
        const Seat& seat = *workers_.seat(rank);
        const auto room = reserved_->beside.find(seat.device);
        if (room == reserved_->beside.end()) continue;
        // On a host's CPU one that works alone is in nobody's place.
        if (!seat.alone || workers_.devices().is_gpu(seat.device)) --room->second.places;
        room->second.bytes -= seat.bytes;
      }
    }
    hold_reserved(false);
    if (fits_beside) continue;
    run = waiting_.longest_within(until_s, workers_.free(), may);
    if (!run) return;
    starts.push_back(place(*run, now_ms));
  }
}

// Of the reserved devices only as much can be had as is left beside the reservation.
void Scheduler::hold_reserved(bool held) {
  for (const auto& [device, beside] : reserved_->beside) {
    if (!held) {
      workers_.hold(device, {});
      continue;
    }
    const Room now = workers_.devices().room(device, workers_.devices().load(device));
    workers_.hold(device, {std::max<int64_t>(0, now.places - beside.places),
                           std::max<int64_t>(0, now.bytes - beside.bytes)});
  }
}

WaitingRuns::Order Scheduler::order(int64_t now_ms) const {
  const double longest_s = waiting_.longest_path_s(ranks_max());
  return left_per_worker_s(now_ms) < kTail * longest_s ? WaitingRuns::Order::Length
                                                       : WaitingRuns::Order::Turn;
}

double Scheduler::left_per_worker_s(int64_t now_ms) const {
  const double running_ms = ends_sum_ms_ - static_cast<double>(now_ms) * busy_;
  return (waiting_.work_s() + std::max(0.0, running_ms) / 1000) /
         static_cast<double>(workers_.capacity());
}

// The same turn's first run on a data set that a free worker holds, when there is one.
const WaitingRun& Scheduler::with_data_at_hand(const WaitingRun& first) const {
  if (first.ranks > 1 || workers_.holds(first.dataset)) return first;
  const auto may = [this](const WaitingRun& run) { return fits(run); };
  const WaitingRun* best = nullptr;
  for (const std::string& dataset : workers_.held()) {
    const WaitingRun* run = waiting_.alike_on(dataset, first, may);
    if (run && (!best || run->path_s > best->path_s)) best = run;
  }
  return best ? *best : first;
}

Scheduler::Reservation Scheduler::reserve(const WaitingRun& run, int64_t now_ms) const {
  Reservation reserved{.label = run.label, .at_ms = {}, .beside = {}};
  Outlook outlook(workers_.devices(), run.ranks, run.bytes);
  int64_t fits_ms = 0;
  for (const auto& [end_ms, leader] : ends_) {
    if (reserved.at_ms && end_ms > fits_ms) break;
    for (const int64_t rank : running_.at(leader).members) {
      if (const auto& seat = workers_.seat(rank)) outlook.end(*seat);  // Else it died.
    }
    if (!outlook.fits() || reserved.at_ms) continue;
    fits_ms = end_ms;
    reserved.at_ms = std::max(now_ms, end_ms);  // Runs that are overdue may end any time.
  }
  if (reserved.at_ms) {
    for (const auto& [device, room] : outlook.beside()) reserved.beside.emplace(device, room);
  }
  return reserved;
}

Scheduler::Start Scheduler::place(const WaitingRun& run, int64_t now_ms) {
  Start start{run.run_id, workers_.take(run.ranks, run.bytes, run.dataset)};
  Running running{start.members, after(now_ms, run.estimate_s)};
  const int64_t leader = start.members.front();
  ends_.emplace(running.end_ms, leader);
  ends_sum_ms_ += static_cast<double>(running.end_ms) * running.ranks();
  busy_ += running.ranks();
  const bool is_new = running_.emplace(leader, std::move(running)).second;
  SEQ_CHECK(is_new);
  waiting_.remove(start.run_id);
  return start;
}

std::vector<std::string> Scheduler::impossible() {
  // The largest of a width, and those that want whole devices, decide.
  const bool all_fit = std::ranges::all_of(waiting_.demands(), [this](const auto& demand) {
    const auto& [ranks, sizes] = demand;
    auto size = sizes.rbegin();
    if (!workers_.could_fit(ranks, size->first)) return false;
    if (size->first == kWholeDevice) ++size;
    return size == sizes.rend() || workers_.could_fit(ranks, size->first);
  });
  std::vector<std::string> runs;
  std::vector<WaitingRun> by_themselves;
  if (all_fit) return runs;
  for (const auto& [run_id, run] : waiting_.all()) {
    if (workers_.could_fit(run.ranks, run.bytes)) continue;
    const bool could_hold = workers_.could_hold(run.ranks, run.bytes);
    if (run.ranks > ranks_max() || (run.bytes_are_known && !could_hold)) {
      runs.push_back(run_id);
    } else {
      by_themselves.push_back(run);
    }
  }
  for (WaitingRun& run : by_themselves) {
    run.bytes = kWholeDevice;
    waiting_.add(std::move(run));
  }
  std::sort(runs.begin(), runs.end());
  return runs;
}

std::string Scheduler::reason(const std::string& run_id, int64_t now_ms) const {
  const WaitingRun* run = waiting_.find(run_id);
  SEQ_CHECK(run);
  if (!workers_.could_hold(run->ranks, run->bytes)) return shortage(*run);
  if (run->not_before_ms > now_ms) {
    return fmt::format("tried again in {}",
                       human_duration(double(run->not_before_ms - now_ms) / 1000));
  }
  const Devices& devices = workers_.devices();
  const int64_t free = run->ranks == 1 ? workers_.free() : workers_.free_together();
  const int64_t places = run->bytes == kWholeDevice ? free : workers_.places(run->ranks);
  if (run->ranks > places) {
    return fmt::format("needs {}, {} free{}", workers_text(run->ranks),
                       places == 0   ? "none is"
                       : places == 1 ? "one is"
                                     : fmt::format("{} are", places),
                       free > places ? " on a GPU that ranks_per_gpu lets more train on" : "");
  }
  if (fits(*run)) {
    return reserved_ ? fmt::format("the free workers are reserved for {}", reserved_->label)
                     : "about to start";
  }
  const char* device = device_word(devices);
  if (run->bytes == kWholeDevice) {
    return fmt::format("needs a {} to itself, as it is not known to fit beside others", device);
  }
  if (run->bytes > devices.most_spare_bytes()) {
    return fmt::format("needs {}, no {} has more than {} to spare", bytes_text(run->bytes), device,
                       bytes_text(devices.most_spare_bytes()));
  }
  return fmt::format("needs {} for each of {} ranks, not so many have that to spare",
                     bytes_text(run->bytes), run->ranks);
}

// Why it can never start.
std::string Scheduler::shortage(const WaitingRun& run) const {
  const Devices& devices = workers_.devices();
  if (run.ranks > ranks_max()) {
    return fmt::format("needs {} ranks, there {} {}: start with more, or lower train.ranks",
                       run.ranks, ranks_max() == 1 ? "is" : "are", workers_text(ranks_max()));
  }
  const char* device = device_word(devices);
  if (run.bytes > devices.most_bytes()) {
    return fmt::format(
        "needs {}, no {} has more than {}: lower train.batch_size, or use a larger "
        "one",
        bytes_text(run.bytes), device, bytes_text(devices.most_bytes()));
  }
  return fmt::format(
      "needs {} for each of {} ranks, more than the memory of every {} together "
      "holds: lower train.ranks or train.batch_size",
      bytes_text(run.bytes), run.ranks, device);
}

}  // namespace seqsweep
