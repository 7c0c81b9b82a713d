// The workers of a sweep and the attempts they are at, as the coordinator believes them to be.
// Memory only: the database knows no workers, and a new coordinator meets new ones.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/protocol/message.h"

namespace seqsweep {

struct Attempt {
  Ticket ticket;
  std::string label;
  std::vector<int64_t> members;  // World ranks; the first one leads and reports.
  int64_t started_ms = 0;
  int64_t renewed_ms = 0;  // When it last got on: the start of its lease.
  Progress last;
  std::string loss;   // A member died: in words.
  bool left = false;  // By a survivor's word, who felt that one died.
  bool over = false;  // For the database; its workers have yet to say that they left it. Set by
                      // Roster::set_over().
};

class Roster {
 public:
  // World ranks 1 to `workers`, none of which has said Hello.
  Roster(int64_t workers, int64_t now_ms);

  // False: it said so before, or there is no such worker.
  bool hello(int64_t rank, const Hello& hello);
  const Hello& worker(int64_t rank) const { return members_.at(static_cast<size_t>(rank)).hello; }
  int64_t size() const { return static_cast<int64_t>(members_.size()) - 1; }
  int64_t lost() const;                 // How many do not answer, or died.
  std::vector<int64_t> silent() const;  // Those that do not answer, but may live.

  void begin(Attempt attempt);
  Attempt* find(const Ticket& ticket);               // nullptr: no worker is at it.
  Attempt* find_running(const std::string& run_id);  // Not over.
  std::vector<const Attempt*> running() const;       // Not over.
  bool none_running() const { return running_ == 0; }
  bool none_at_work() const;  // Nor still to leave an attempt that is over; the lost do not count.

  // News of an attempt. Its lease is renewed when it got on, not by being alive.
  void renew(Attempt& attempt, Progress news, int64_t now_ms);
  void renew_all(int64_t now_ms);
  std::vector<Ticket> expired(int64_t now_ms, int64_t lease_ms) const;

  void set_over(Attempt& attempt);
  // Its workers left it and are free: the members; none when nobody is at it.
  std::vector<int64_t> release(const Ticket& ticket);
  void lose(const Ticket& ticket);  // Its workers do not answer; they may come back.
  void lose_all();                  // Of all attempts.
  // The worker died: it never comes back. Its attempt, or nullptr; the other members are still at
  // it.
  Attempt* bury(int64_t rank);
  bool is_dead(int64_t rank) const;
  Attempt* attempt_of(int64_t rank);          // nullptr: it is in none.
  void expect(int64_t rank, int64_t now_ms);  // Another process has this dead one's number.
  // Workers that have not said Hello lease_ms after their start are lost. Returns them.
  std::vector<int64_t> lose_silent(int64_t now_ms, int64_t lease_ms);

 private:
  enum class State { Starting, Here, Lost, Dead };  // What they do knows worker_pool.h.
  struct Member {
    State state = State::Starting;
    bool greeted = false;
    Hello hello;
    int64_t started_ms = 0;
  };

  void set_members(const Attempt& attempt, State state);
  bool is_lost(const Attempt& attempt) const;

  std::vector<Member> members_;  // By world rank; 0, the coordinator, is none.
  std::map<std::pair<std::string, int64_t>, Attempt> attempts_;  // By run and number.
  int64_t running_ = 0;                                          // Those not over.
};

}  // namespace seqsweep
