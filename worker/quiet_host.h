// The workers of one user on one host hold a lock together while they work; who measures latency
// takes it alone, and the others pause meanwhile. Locks of processes that die are gone with them; a
// process that hangs is waited for only so long. Other programs of the host know nothing of it.
#pragma once

#include <filesystem>
#include <functional>

namespace seqsweep {

// In shared memory where there is some, else in the folder of temporary files: one a user and host.
std::filesystem::path quiet_host_file();

// One thread uses it at a time; every attempt on a host has its own.
class QuietHost {
 public:
  // Makes the file when it is missing; without one (a log line says why) nobody pauses and nothing
  // counts as quiet. `patience_s`: how long one that does not answer is waited for.
  explicit QuietHost(const std::filesystem::path& file = quiet_host_file(), double patience_s = 60);
  ~QuietHost();
  QuietHost(const QuietHost&) = delete;
  QuietHost& operator=(const QuietHost&) = delete;

  // Whether another one measures, or waits for quiet: this one is to rest() then and to ask again.
  // False: it may work until it asks the next time. A microsecond; does not block.
  bool must_pause();
  void rest();  // It does not work. Whoever waits for something else must have rested.

  // Waits until all others rest and no other one measures. Asks go_on() all the while, and returns
  // at once when that says no. Nobody works until end_quiet() then, but for those that hang.
  void begin_quiet(const std::function<bool()>& go_on);
  // To be said every second or so while measuring, so that it does not count as hung.
  void still_measuring();
  // Nobody else worked since begin_quiet(), as far as workers go.
  bool end_quiet();

 private:
  bool take_turn();
  bool measurer_hangs() const;

  int descriptor_ = -1;
  double patience_s_;
  bool works_ = false, measures_ = false, was_quiet_ = false, told_ = false;
  double sign_s_ = 0;  // Wall time of the last still_measuring().
};

}  // namespace seqsweep
