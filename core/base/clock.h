// Time comes in through a Clock, so that tests and the simulator can set it.
#pragma once

#include <cstdint>

namespace seqsweep {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t monotonic_ms() const = 0;  // For intervals; never goes back.
  virtual int64_t unix_ms() const = 0;       // For what is stored and shown.
  // As monotonic_ms, as fine as the clock has it.
  virtual double monotonic_s() const { return static_cast<double>(monotonic_ms()) / 1000; }
};

// The machine's clock. Any thread may use it.
const Clock& system_clock();

// Monotonic seconds of the machine, for timing code.
double monotonic_s();

}  // namespace seqsweep
