// Random bits as a function of a key and a counter, so that a mask is recomputed where it is needed
// and never stored. The same bits on the CPU and, without torch headers, in a .cu file.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define SEQ_HOST_DEVICE __host__ __device__
#else
#define SEQ_HOST_DEVICE
#endif

namespace seqsweep {

struct RandomKey {
  uint32_t low = 0, high = 0;
};

SEQ_HOST_DEVICE inline RandomKey random_key(uint64_t seed) {
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
}

// A 32-bit mixer with the multipliers of Wellons' lowbias32; the halves of the key enter at two
// places, so that no two keys merely permute the counters. Vectorises.
SEQ_HOST_DEVICE inline uint32_t random_bits(RandomKey key, uint32_t counter) {
  uint32_t x = counter ^ key.low;
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x ^= key.high;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

// A key for one row or block of what `key` stands for.
SEQ_HOST_DEVICE inline RandomKey derive(RandomKey key, uint32_t index) {
  return {random_bits(key, index), random_bits({key.high, ~key.low}, index)};
}

// Which elements a dropout of the given probability keeps, and what it scales them by.
struct DropoutRule {
  uint32_t threshold = 0;  // Dropped where the random bits are below it.
  float scale = 1;

  SEQ_HOST_DEVICE explicit DropoutRule(double probability)
      : threshold(static_cast<uint32_t>(probability * 4294967296.0)),
        scale(static_cast<float>(1.0 / (1.0 - probability))) {}
  SEQ_HOST_DEVICE float factor(RandomKey key, uint32_t counter) const {
    return random_bits(key, counter) >= threshold ? scale : 0.0F;
  }
};

}  // namespace seqsweep
