// The devices at a later time, when runs that are under way have ended: when a run that does not
// fit now will, and what is left beside it then.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "coordinator/devices.h"

namespace seqsweep {

class Outlook {
 public:
  // For a run of such ranks. The devices are borrowed and must not change meanwhile.
  Outlook(const Devices& devices, int64_t ranks, int64_t bytes);

  void end(const Seat& seat);  // Its worker will be free, one that works alone for a single rank.
  bool fits() const { return places_ >= ranks_; }

  // Of the devices that the run would be on, which must fit: what is left for runs that are still
  // there then.
  std::vector<std::pair<size_t, Room>> beside() const;

 private:
  const Devices& devices_;
  int64_t ranks_, bytes_;
  int64_t places_ = 0;                     // For its ranks.
  std::map<size_t, Devices::Load> loads_;  // Of devices that will be other than now.
};

}  // namespace seqsweep
