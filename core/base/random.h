// Random numbers that are the same on every machine and library: the order of examples, samples of
// users and bootstrap draws come from here. Seeds are derived, never shared: seed_of(run_seed,
// epoch).
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace seqsweep {

// SplitMix64's finaliser (Steele et al. 2014): a good 64-bit mixer.
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// A seed for one purpose: seed_of(run seed, purpose, epoch, microbatch, ...).
template <typename... Parts>
constexpr uint64_t seed_of(uint64_t first, Parts... rest) {
  uint64_t seed = mix64(first);
  ((seed = mix64(seed ^ (static_cast<uint64_t>(rest) + 0x632be59bd9b4e019ULL))), ...);
  return seed;
}

class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}
  uint64_t bits() { return mix64(state_++); }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }  // In [0, 1).
  // In [0, n), n > 0, without modulo bias (Lemire 2019).
  uint64_t below(uint64_t n) {
    while (true) {
      const unsigned __int128 product = static_cast<unsigned __int128>(bits()) * n;
      const auto low = static_cast<uint64_t>(product);
      if (low >= n || low >= (0 - n) % n) return static_cast<uint64_t>(product >> 64);
    }
  }
  double normal();  // Mean 0, variance 1 (Box-Muller).

 private:
  uint64_t state_;
};

// Fisher-Yates.
template <typename T>
void shuffle(std::span<T> items, Rng& rng) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

}  // namespace seqsweep
