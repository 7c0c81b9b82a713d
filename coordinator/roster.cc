#include "coordinator/roster.h"

#include "core/base/check.h"

namespace seqsweep {

Roster::Roster(int64_t workers, int64_t now_ms)
    : started_ms_(now_ms), members_(static_cast<size_t>(workers + 1)) {}

bool Roster::hello(int64_t rank, const Hello& hello) {
  if (rank < 1 || rank > size()) return false;
  Member& member = members_[static_cast<size_t>(rank)];
  if (member.greeted) return false;
  member = {State::Free, true, hello};
  return true;
}

std::vector<WorkerSlot> Roster::slots() const {
  std::map<int64_t, int64_t> ends;  // By world rank.
  for (const auto& [leader, attempt] : attempts_) {
    if (attempt.last.fraction <= 0) continue;
    for (const int64_t rank : attempt.members) {
      ends[rank] = attempt.renewed_ms + static_cast<int64_t>(attempt.last.seconds_left * 1000);
    }
  }
  std::vector<WorkerSlot> slots;
  for (int64_t rank = 1; rank <= size(); ++rank) {
    const Member& member = members_[static_cast<size_t>(rank)];
    if (member.state == State::Lost) continue;
    WorkerSlot slot{.rank = rank, .host = member.hello.host};
    if (member.state == State::Free) slot.state = WorkerSlot::State::Free;
    if (member.state == State::Busy) slot.state = WorkerSlot::State::Busy;
    if (const auto end = ends.find(rank); end != ends.end()) slot.free_at_ms = end->second;
    slots.push_back(std::move(slot));
  }
  return slots;
}

void Roster::begin(Attempt attempt) {
  set_members(attempt, State::Busy);
  const int64_t leader = attempt.members.front();
  const bool is_new = attempts_.emplace(leader, std::move(attempt)).second;
  SEQ_CHECK(is_new);
}

Attempt* Roster::find(const Ticket& ticket) {
  for (auto& [leader, attempt] : attempts_) {
    if (attempt.ticket == ticket) return &attempt;
  }
  return nullptr;
}

Attempt* Roster::find_running(const std::string& run_id) {
  for (auto& [leader, attempt] : attempts_) {
    if (attempt.ticket.run_id == run_id && !attempt.over) return &attempt;
  }
  return nullptr;
}

std::vector<const Attempt*> Roster::running() const {
  std::vector<const Attempt*> running;
  for (const auto& [leader, attempt] : attempts_) {
    if (!attempt.over) running.push_back(&attempt);
  }
  return running;
}

void Roster::renew(Attempt& attempt, Progress news, int64_t now_ms) {
  const Progress& last = attempt.last;
  const bool got_on = news.step != last.step || news.epoch != last.epoch ||
                      news.phase != last.phase || news.fraction != last.fraction;
  if (got_on) attempt.renewed_ms = now_ms;
  news.steps.clear();
  news.metrics.clear();
  attempt.last = std::move(news);
}

void Roster::renew_all(int64_t now_ms) {
  for (auto& [leader, attempt] : attempts_) attempt.renewed_ms = now_ms;
}

std::vector<Ticket> Roster::expired(int64_t now_ms, int64_t lease_ms) const {
  std::vector<Ticket> tickets;
  for (const auto& [leader, attempt] : attempts_) {
    if (!is_lost(attempt) && now_ms - attempt.renewed_ms > lease_ms) {
      tickets.push_back(attempt.ticket);
    }
  }
  return tickets;
}

void Roster::release(const Ticket& ticket) {
  if (Attempt* attempt = find(ticket)) {
    set_members(*attempt, State::Free);
    attempts_.erase(attempt->members.front());
  }
}

void Roster::lose(const Ticket& ticket) {
  if (Attempt* attempt = find(ticket)) {
    attempt->over = true;
    set_members(*attempt, State::Lost);
  }
}

std::vector<int64_t> Roster::lose_silent(int64_t now_ms, int64_t lease_ms) {
  std::vector<int64_t> silent;
  if (now_ms - started_ms_ <= lease_ms) return silent;
  for (int64_t rank = 1; rank <= size(); ++rank) {
    Member& member = members_[static_cast<size_t>(rank)];
    if (member.state != State::Starting) continue;
    member.state = State::Lost;
    silent.push_back(rank);
  }
  return silent;
}

void Roster::set_members(const Attempt& attempt, State state) {
  for (const int64_t rank : attempt.members) members_.at(static_cast<size_t>(rank)).state = state;
}

bool Roster::is_lost(const Attempt& attempt) const {
  return members_.at(static_cast<size_t>(attempt.members.front())).state == State::Lost;
}

}  // namespace seqsweep
