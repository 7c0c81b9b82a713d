#include "coordinator/roster.h"

#include <algorithm>

#include "core/base/check.h"

namespace seqsweep {

Roster::Roster(int64_t workers, int64_t now_ms)
    : members_(static_cast<size_t>(workers + 1), Member{.started_ms = now_ms}) {}

bool Roster::hello(int64_t rank, const Hello& hello) {
  if (rank < 1 || rank > size()) return false;
  Member& member = members_[static_cast<size_t>(rank)];
  if (member.greeted || member.state == State::Dead) return false;
  member = {State::Here, true, hello, member.started_ms};
  return true;
}

int64_t Roster::lost() const {
  return std::ranges::count(members_, State::Lost, &Member::state) +
         std::ranges::count(members_, State::Dead, &Member::state);
}

std::vector<int64_t> Roster::silent() const {
  std::vector<int64_t> ranks;
  for (int64_t rank = 1; rank <= size(); ++rank) {
    if (members_[static_cast<size_t>(rank)].state == State::Lost) ranks.push_back(rank);
  }
  return ranks;
}

bool Roster::is_dead(int64_t rank) const {
  return members_.at(static_cast<size_t>(rank)).state == State::Dead;
}

void Roster::expect(int64_t rank, int64_t now_ms) {
  SEQ_CHECK(is_dead(rank));
  SEQ_CHECK(!attempt_of(rank));
  Member& member = members_[static_cast<size_t>(rank)];
  member = {State::Starting, false, member.hello, now_ms};
  member.hello.pid = 0;  // The dead one's may be anybody's by now.
}

Attempt* Roster::bury(int64_t rank) {
  members_.at(static_cast<size_t>(rank)).state = State::Dead;
  return attempt_of(rank);
}

Attempt* Roster::attempt_of(int64_t rank) {
  for (auto& [key, attempt] : attempts_) {
    if (std::ranges::find(attempt.members, rank) != attempt.members.end()) return &attempt;
  }
  return nullptr;
}

void Roster::begin(Attempt attempt) {
  const auto key = std::pair(attempt.ticket.run_id, attempt.ticket.attempt);
  const bool is_new = attempts_.emplace(key, std::move(attempt)).second;
  SEQ_CHECK(is_new);
  ++running_;
}

Attempt* Roster::find(const Ticket& ticket) {
  const auto found = attempts_.find({ticket.run_id, ticket.attempt});
  return found == attempts_.end() || found->second.ticket != ticket ? nullptr : &found->second;
}

Attempt* Roster::find_running(const std::string& run_id) {
  for (auto next = attempts_.lower_bound({run_id, 0});
       next != attempts_.end() && next->first.first == run_id; ++next) {
    if (!next->second.over) return &next->second;
  }
  return nullptr;
}

std::vector<const Attempt*> Roster::running() const {
  std::vector<const Attempt*> running;
  for (const auto& [key, attempt] : attempts_) {
    if (!attempt.over) running.push_back(&attempt);
  }
  return running;
}

bool Roster::none_at_work() const {
  return std::ranges::all_of(attempts_,
                             [this](const auto& entry) { return is_lost(entry.second); });
}

void Roster::set_over(Attempt& attempt) {
  if (!attempt.over) --running_;
  attempt.over = true;
}

void Roster::renew(Attempt& attempt, Progress news, int64_t now_ms) {
  const Progress& last = attempt.last;
  const bool got_on = news.step != last.step || news.epoch != last.epoch ||
                      news.phase != last.phase || news.fraction != last.fraction ||
                      news.signs != last.signs;
  if (got_on) attempt.renewed_ms = now_ms;
  news.steps.clear();
  news.metrics.clear();
  attempt.last = std::move(news);
}

void Roster::renew_all(int64_t now_ms) {
  for (auto& [key, attempt] : attempts_) attempt.renewed_ms = now_ms;
}

std::vector<Ticket> Roster::expired(int64_t now_ms, int64_t lease_ms) const {
  std::vector<Ticket> tickets;
  for (const auto& [key, attempt] : attempts_) {
    if (!is_lost(attempt) && now_ms - attempt.renewed_ms > lease_ms) {
      tickets.push_back(attempt.ticket);
    }
  }
  return tickets;
}

std::vector<int64_t> Roster::release(const Ticket& ticket) {
  Attempt* attempt = find(ticket);
  if (!attempt) return {};
  set_over(*attempt);
  set_members(*attempt, State::Here);
  std::vector<int64_t> members = std::move(attempt->members);
  attempts_.erase({ticket.run_id, ticket.attempt});
  return members;
}

void Roster::lose(const Ticket& ticket) {
  if (Attempt* attempt = find(ticket)) {
    set_over(*attempt);
    set_members(*attempt, State::Lost);
  }
}

void Roster::lose_all() {
  for (auto& [key, attempt] : attempts_) {
    set_over(attempt);
    set_members(attempt, State::Lost);
  }
}

std::vector<int64_t> Roster::lose_silent(int64_t now_ms, int64_t lease_ms) {
  std::vector<int64_t> silent;
  for (int64_t rank = 1; rank <= size(); ++rank) {
    Member& member = members_[static_cast<size_t>(rank)];
    if (member.state != State::Starting || now_ms - member.started_ms <= lease_ms) continue;
    member.state = State::Lost;
    silent.push_back(rank);
  }
  return silent;
}

void Roster::set_members(const Attempt& attempt, State state) {
  for (const int64_t rank : attempt.members) {
    Member& member = members_.at(static_cast<size_t>(rank));
    if (member.state != State::Dead) member.state = state;
  }
}

bool Roster::is_lost(const Attempt& attempt) const {
  return std::ranges::all_of(attempt.members, [this](int64_t rank) {
    const State state = members_.at(static_cast<size_t>(rank)).state;
    return state == State::Lost || state == State::Dead;
  });
}

}  // namespace seqsweep
