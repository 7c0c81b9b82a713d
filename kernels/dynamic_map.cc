#include "kernels/dynamic_map.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace seqsweep {

std::array<float, 256> dynamic_map(bool is_signed) {
  std::array<float, 256> numbers{};  // One of them stays 0.
  size_t count = 1;
  constexpr int kExponents = 7;
  for (int exponent = 0; exponent < kExponents; ++exponent) {
    // The middles of equal parts of [0.1, 1]: 1, 2, ... 64 of them, or twice as many.
    const int64_t parts = int64_t{1} << (is_signed ? exponent : exponent + 1);
    const double power = std::pow(10.0, exponent - (kExponents - 1));
    for (int64_t part = 0; part < parts; ++part) {
      const double middle =
          0.1 + 0.9 * (static_cast<double>(part) + 0.5) / static_cast<double>(parts);
      numbers[count++] = static_cast<float>(power * middle);
      if (is_signed) numbers[count++] = static_cast<float>(-power * middle);
    }
  }
  numbers[count++] = 1;
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace seqsweep
