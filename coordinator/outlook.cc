#include "coordinator/outlook.h"

#include <algorithm>

namespace seqsweep {

Outlook::Outlook(const Devices& devices, int64_t ranks, int64_t bytes)
    : devices_(devices), ranks_(ranks), bytes_(bytes) {
  for (const size_t device : devices.some(ranks, bytes)) places_ += devices.places(device, bytes);
}

void Outlook::end(const Seat& seat) {
  Devices::Load& load = loads_.emplace(seat.device, devices_.load(seat.device)).first->second;
  places_ -= devices_.places(seat.device, load, bytes_);
  if (!seat.alone || ranks_ == 1) ++load.free;
  --load.busy;
  load.bytes -= seat.bytes;
  places_ += devices_.places(seat.device, load, bytes_);
}

// Devices that are busy until then come first: the others are of use to long runs already now.
std::vector<std::pair<size_t, Room>> Outlook::beside() const {
  std::vector<std::pair<size_t, Room>> rooms;
  int64_t left = ranks_;
  const auto seat_on = [&](size_t device, const Devices::Load& load) {
    const int64_t here = std::min(left, devices_.places(device, load, bytes_));
    if (here == 0) return;
    Room room = devices_.room(device, load);
    if (bytes_ == kWholeDevice) {
      room = {};
    } else {
      room.places -= here;
      room.bytes -= here * bytes_;
    }
    rooms.emplace_back(device, room);
    left -= here;
  };
  for (const auto& [device, load] : loads_) seat_on(device, load);
  for (const size_t device : devices_.some(ranks_, bytes_)) {
    if (!loads_.contains(device)) seat_on(device, devices_.load(device));
  }
  return rooms;
}

}  // namespace seqsweep
