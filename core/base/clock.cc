#include "core/base/clock.h"

#include <chrono>

namespace seqsweep {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

class SystemClock : public Clock {
 public:
  int64_t monotonic_ms() const override {
    return duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  int64_t unix_ms() const override {
    return duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
  double monotonic_s() const override { return seqsweep::monotonic_s(); }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

double monotonic_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace seqsweep
