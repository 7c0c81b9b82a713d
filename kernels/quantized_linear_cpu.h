// The loops of quantized_linear.cc over weights in few bits.
#pragma once

#include <array>
#include <cstdint>

namespace seqsweep {

constexpr int64_t kNf4Block = 64, kNf4ScaleBlock = 256;

// What a code of NF4 stands for: quantiles of the normal distribution, scaled to [-1, 1].
extern const std::array<float, 16> kNf4Numbers;

struct Int8Rows {
  const int8_t* codes;
  const float* scales;
  int64_t inputs;
};
struct Nf4Rows {
  const uint8_t* codes;
  const uint8_t* scale_codes;  // Of each block.
  const float* scale_blocks;   // What the codes of a block of scales are scaled by.
  const float* scale_map;      // What the 256 codes stand for.
  float scale_mean;            // Added to every scale.
  int64_t inputs;

  float scale(int64_t block) const {
    return scale_map[scale_codes[block]] * scale_blocks[block / kNf4ScaleBlock] + scale_mean;
  }
};

struct Bf16Rows {
  const uint16_t* codes;
  int64_t inputs;
};

// Row `output`, as floats.
void read_row(const Int8Rows& weight, int64_t output, float* into);
void read_row(const Nf4Rows& weight, int64_t output, float* into);
void read_row(const Bf16Rows& weight, int64_t output, float* into);

// y[r] = x[r] . row `output` of the weight, for `rows` rows of x, at most kRowsAtOnce. One row
// alone is summed in another order than beside others.
constexpr int64_t kRowsAtOnce = 4;
void row_products(const Int8Rows& weight, int64_t output, const float* x, int64_t rows, float* y);
void row_products(const Nf4Rows& weight, int64_t output, const float* x, int64_t rows, float* y);
void row_products(const Bf16Rows& weight, int64_t output, const float* x, int64_t rows, float* y);

}  // namespace seqsweep
