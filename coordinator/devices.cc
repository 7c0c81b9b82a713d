#include "coordinator/devices.h"

#include <algorithm>
#include <iterator>

#include "core/base/check.h"

namespace seqsweep {
namespace {

constexpr int64_t kEnough = INT64_MAX / 4;  // Bytes of a device that tells none.

bool is_idle(const Devices::Load& load) {
  return load.busy == 0 && load.held.places == 0 && load.held.bytes == 0;
}

}  // namespace

Devices::Devices(int64_t ranks_per_gpu) : ranks_per_gpu_(ranks_per_gpu) {
  SEQ_CHECK(ranks_per_gpu >= 1);
}

// ---- workers ----

size_t Devices::add_worker(const WorkerPlace& place) {
  const auto [host, is_new_host] = host_numbers_.emplace(place.host, hosts_.size());
  if (is_new_host) hosts_.emplace_back();
  const auto [at, is_new] = numbers_.emplace(std::pair(host->second, place.gpu), devices_.size());
  const size_t number = at->second;
  if (is_new) {
    devices_.push_back({.host = host->second,
                        .is_gpu = !place.gpu.empty(),
                        .bytes = place.bytes > 0 ? place.bytes : kEnough});
    hosts_[host->second].devices.push_back(number);
    has_gpus_ |= devices_.back().is_gpu;
  }
  return number;
}

void Devices::join(size_t device, bool alone) {
  count(devices_[device], -1);
  ++(alone ? devices_[device].alone : devices_[device].workers);
  count(devices_[device], 1);
}

void Devices::leave(size_t device, bool alone) {
  count(devices_[device], -1);
  --(alone ? devices_[device].alone : devices_[device].workers);
  count(devices_[device], 1);
}

void Devices::count(const Device& device, int64_t sign) {
  if (all(device) == 0) return;
  capacity_ += sign * slots(device, all(device));
  const Kind key{device.bytes, slots(device, device.workers), device.workers};
  const auto kind = kinds_.emplace(key, 0).first;
  kind->second += sign;
  if (kind->second == 0) kinds_.erase(kind);
}

void Devices::set_free(size_t device, int64_t rank) {
  update(device, [&](Device& it) { it.load.free += it.free_ranks.insert(rank).second ? 1 : 0; });
}

void Devices::set_unfree(size_t device, int64_t rank) {
  update(device,
         [&](Device& it) { it.load.free -= static_cast<int64_t>(it.free_ranks.erase(rank)); });
}

Seat Devices::begin(size_t device, int64_t rank, int64_t bytes) {
  const int64_t spare = room(device, load(device)).bytes;
  const Seat seat{rank, device, bytes == kWholeDevice ? spare : bytes};
  update(device, [&](Device& it) {
    it.load.free -= static_cast<int64_t>(it.free_ranks.erase(rank));
    ++it.load.busy;
    it.load.bytes += seat.bytes;
  });
  return seat;
}

void Devices::end(const Seat& seat) {
  update(seat.device, [&](Device& it) {
    --it.load.busy;
    it.load.bytes -= seat.bytes;
  });
}

void Devices::hold(size_t device, Room room) {
  const Room& now = devices_[device].load.held;
  if (room.places == now.places && room.bytes == now.bytes) return;
  update(device, [&](Device& it) { it.load.held = room; });
}

// All devices of a host are listed by its places, so they move together.
template <typename Change>
void Devices::update(size_t device, Change&& change) {
  list(devices_[device].host, false);
  change(devices_[device]);
  list(devices_[device].host, true);
}

void Devices::list(size_t number, bool in) {
  Host& host = hosts_[number];
  if (in) host.places = 0;
  for (const size_t device : host.devices) {
    if (in) host.places += places(device, 0);
  }
  places_ += in ? host.places : -host.places;
  if (host.places == 0) return;
  const auto put = [in](auto& set, const auto& key) {
    if (in) {
      set.insert(key);
    } else {
      set.erase(key);
    }
  };
  put(hosts_by_places_, std::pair(host.places, number));
  for (const size_t at : host.devices) {
    const Load& now = load(at);
    const Room left = room(at, now);
    if (left.places == 0) continue;
    put(by_room_, ByRoom(crowd(at), host.places, left.bytes, at));
    put(by_spare_, std::pair(left.bytes, at));
    if (is_idle(now)) put(idle_, std::pair(left.bytes, at));
  }
}

// ---- room ----

Room Devices::room(size_t number, const Load& load) const {
  const Device& device = devices_[number];
  const int64_t open = std::min(load.free, limit(device) - load.busy) - load.held.places;
  const int64_t spare = device.bytes - load.bytes - load.held.bytes;
  return {std::max<int64_t>(0, open), std::max<int64_t>(0, spare)};
}

int64_t Devices::places(size_t device, const Load& load, int64_t bytes) const {
  const Room left = room(device, load);
  if (bytes == kWholeDevice) return is_idle(load) ? load.free : 0;
  return bytes == 0 ? left.places : std::min(left.places, left.bytes / bytes);
}

int64_t Devices::places(size_t device, int64_t bytes) const {
  return places(device, load(device), bytes);
}

bool Devices::fits(int64_t ranks, int64_t bytes) const {
  if (bytes == 0 || (bytes != kWholeDevice && ranks > places_)) return ranks <= places_;
  int64_t found = 0;
  for (const size_t device : some(ranks, bytes)) found += places(device, bytes);
  return found >= ranks;
}

bool Devices::fits_alone(size_t number, int64_t bytes) const {
  const Device& device = devices_[number];
  if (bytes == kWholeDevice) return is_idle(device.load);
  const bool is_open = limit(device) - device.load.busy > device.load.held.places;
  return is_open && room(number, device.load).bytes >= bytes;
}

std::vector<size_t> Devices::some(int64_t ranks, int64_t bytes) const {
  std::vector<size_t> devices;
  const auto& candidates = bytes == kWholeDevice ? idle_ : by_spare_;
  int64_t found = 0;
  for (auto next = candidates.rbegin(); next != candidates.rend() && found < ranks; ++next) {
    const int64_t here = places(next->second, bytes);
    if (here == 0) break;  // Nor on those with less to spare.
    devices.push_back(next->second);
    found += here;
  }
  return devices;
}

std::optional<size_t> Devices::best(int64_t bytes) const {
  for (auto next = by_room_.begin(); next != by_room_.end();) {
    const auto& [crowd, host_places, spare, device] = *next;
    if (places(device, bytes) > 0) return device;
    // To the first that suffices of those as crowded, on hosts with as many places.
    next = bytes == kWholeDevice ? std::next(next)
                                 : by_room_.lower_bound({crowd, host_places, bytes, 0});
  }
  return std::nullopt;
}

std::vector<size_t> Devices::best(int64_t ranks, int64_t bytes) const {
  std::vector<size_t> seats;
  const int64_t places = bytes == kWholeDevice ? 0 : ranks;
  for (auto at = hosts_by_places_.lower_bound({places, 0}); at != hosts_by_places_.end(); ++at) {
    const Host& host = hosts_[at->second];
    if (host_places(host, bytes) < ranks) continue;
    seat_on(host, ranks, bytes, seats);
    return seats;
  }
  for (auto at = hosts_by_places_.rbegin(); at != hosts_by_places_.rend(); ++at) {
    const Host& host = hosts_[at->second];
    const auto left = ranks - static_cast<int64_t>(seats.size());
    seat_on(host, std::min(left, host_places(host, bytes)), bytes, seats);
    if (static_cast<int64_t>(seats.size()) == ranks) break;
  }
  SEQ_CHECK(static_cast<int64_t>(seats.size()) == ranks);
  return seats;
}

int64_t Devices::host_places(const Host& host, int64_t bytes) const {
  if (bytes == 0) return host.places;
  int64_t sum = 0;
  for (const size_t device : host.devices) sum += places(device, bytes);
  return sum;
}

// The least crowded first, each once before any twice.
void Devices::seat_on(const Host& host, int64_t ranks, int64_t bytes,
                      std::vector<size_t>& seats) const {
  std::vector<std::pair<int64_t, size_t>> order;
  for (const size_t device : host.devices) order.emplace_back(crowd(device), device);
  std::sort(order.begin(), order.end());
  for (int64_t round = 0; ranks > 0; ++round) {
    for (const auto& [crowd, device] : order) {
      if (ranks == 0 || places(device, bytes) <= round) continue;
      seats.push_back(device);
      --ranks;
    }
  }
}

int64_t Devices::most_spare_bytes() const {
  return by_spare_.empty() ? 0 : by_spare_.rbegin()->first;
}

// ---- were nothing running ----

bool Devices::could_fit(int64_t ranks, int64_t bytes) const {
  return could(ranks, bytes, bytes == kWholeDevice ? &Kind::workers : &Kind::slots);
}

bool Devices::could_hold(int64_t ranks, int64_t bytes) const {
  return could(ranks, bytes, &Kind::workers);
}

bool Devices::could(int64_t ranks, int64_t bytes, int64_t Kind::*places) const {
  const bool any_bytes = bytes == 0 || bytes == kWholeDevice;
  int64_t sum = 0;
  for (const auto& [kind, count] : kinds_) {
    const int64_t here = ranks == 1 ? 1 : kind.*places;  // One may be on a worker in no group.
    sum += count * (any_bytes ? here : std::min(here, kind.bytes / bytes));
  }
  return sum >= ranks;
}

int64_t Devices::most_bytes() const {
  return kinds_.empty() ? 0 : kinds_.rbegin()->first.bytes;
}

Devices::Share Devices::share(size_t number) const {
  const Device& device = devices_[number];
  return {device.bytes, slots(device, all(device)), all(device), most_bytes()};
}

}  // namespace seqsweep
