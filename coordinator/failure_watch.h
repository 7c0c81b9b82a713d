// Sees when attempts fail one after the other of the same cause: a full disk or a wrong library
// takes every run down, and the sweep had better stop than fail them all.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace seqsweep {

class FailureWatch {
 public:
  struct Failure {
    std::string cause, text, model;
    bool one_kind = false;      // The cause alone tells what it was, the text does not.
    bool of_the_world = false;  // Its fault rather than the run's.
  };

  void note_success();
  void note_failure(Failure failure);

  // What happened, when 30 % of the last 20 attempts ended alike: with the same cause and, unless
  // that tells it all, the same text; and if not the world did it, in runs of several models: one
  // that is broken fails alone.
  const std::optional<std::string>& alarm() const { return alarm_; }

 private:
  void note(std::optional<Failure> failure);

  std::deque<std::optional<Failure>> last_;  // Nothing: it was done.
  std::optional<std::string> alarm_;
};

}  // namespace seqsweep
