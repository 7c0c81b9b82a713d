#include "kernels/quantized_linear_cpu.h"

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace seqsweep {

const std::array<float, 16> kNf4Numbers = {
    -1.0F,
    -0.6961928009986877F,
    -0.5250730514526367F,
    -0.39491748809814453F,
    -0.28444138169288635F,
    -0.18477343022823334F,
    -0.09105003625154495F,
    0.0F,
    0.07958029955625534F,
    0.16093020141124725F,
    0.24611230194568634F,
    0.33791524171829224F,
    0.44070982933044434F,
    0.5626170039176941F,
    0.7229568362236023F,
    1.0F,
};

namespace {

constexpr int64_t kWide = 8;

// As many sums of a row of x as hide the latency of adding to one.
constexpr int64_t sums_of(int rows) {
  return rows == 1 ? 4 : 2;
}

template <size_t kSums>
__m256 added(const __m256 (&sums)[kSums]) {
  __m256 all = sums[0];
  for (size_t s = 1; s < kSums; ++s) all = _mm256_add_ps(all, sums[s]);
  return all;
}

float sum_of(__m256 x) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_shuffle_ps(quarter, quarter, 1)));
}

__m256 eight_of(const int8_t* codes) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes));
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
}

// A bfloat16 is the upper half of a float.
__m256 eight_of(const uint16_t* codes) {
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

float number_of(int8_t code) {
  return static_cast<float>(code);
}
float number_of(uint16_t code) {
  return std::bit_cast<float>(static_cast<uint32_t>(code) << 16);
}

float scale_of(const Int8Rows& weight, int64_t output) {
  return weight.scales[output];
}
float scale_of(const Bf16Rows&, int64_t) {
  return 1;
}

// Eight numbers of four bytes: each lane shifts its code down, then looks it up in both halves of
// the codebook and takes the half that the code's highest bit tells.
struct Nf4Reader {
  const __m256i shifts = _mm256_setr_epi32(4, 0, 12, 8, 20, 16, 28, 24);
  const __m256 low = _mm256_loadu_ps(kNf4Numbers.data());
  const __m256 high = _mm256_loadu_ps(kNf4Numbers.data() + kWide);

  __m256 eight_of(const uint8_t* codes) const {
    int32_t bytes;
    std::memcpy(&bytes, codes, sizeof(bytes));
    const __m256i shifted = _mm256_srlv_epi32(_mm256_set1_epi32(bytes), shifts);
    const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(shifted, 28));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, shifted),
                            _mm256_permutevar8x32_ps(high, shifted), upper);
  }
};

float nf4_number(const Nf4Rows& weight, int64_t at) {
  const uint8_t byte = weight.codes[at / 2];
  return kNf4Numbers[at % 2 == 0 ? byte >> 4 : byte & 15] * weight.scale(at / kNf4Block);
}

// Of a code a number, with a scale a row.
template <int kRows, typename Rows>
void products_of(const Rows& weight, int64_t output, const float* x, float* y) {
  const auto* codes = weight.codes + output * weight.inputs;
  constexpr int64_t kSums = sums_of(kRows);
  __m256 sums[kRows][kSums] = {};
  int64_t i = 0;
  for (; i + kSums * kWide <= weight.inputs; i += kSums * kWide) {
    for (int64_t s = 0; s < kSums; ++s) {
      const __m256 numbers = eight_of(codes + i + s * kWide);
      for (int r = 0; r < kRows; ++r) {
        const __m256 x_8 = _mm256_loadu_ps(x + r * weight.inputs + i + s * kWide);
        sums[r][s] = _mm256_fmadd_ps(numbers, x_8, sums[r][s]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    float sum = sum_of(added(sums[r]));
    for (int64_t j = i; j < weight.inputs; ++j)
      sum += number_of(codes[j]) * x[r * weight.inputs + j];
    y[r] = sum * scale_of(weight, output);
  }
}

// Rows that begin and end with a block.
template <int kRows>
void products_of(const Nf4Rows& weight, int64_t output, const float* x, float* y) {
  const Nf4Reader reader;
  const uint8_t* codes = weight.codes + output * weight.inputs / 2;
  int64_t block = output * weight.inputs / kNf4Block;
  constexpr int64_t kSums = sums_of(kRows);
  static_assert(kNf4Block % (kSums * kWide) == 0);
  __m256 sums[kRows] = {};
  for (int64_t i = 0; i < weight.inputs; i += kNf4Block, codes += kNf4Block / 2, ++block) {
    __m256 of_block[kRows][kSums] = {};
    for (int64_t j = 0; j < kNf4Block; j += kSums * kWide) {
      for (int64_t s = 0; s < kSums; ++s) {
        const int64_t at = j + s * kWide;
        const __m256 numbers = reader.eight_of(codes + at / 2);
        for (int r = 0; r < kRows; ++r) {
          const __m256 x_8 = _mm256_loadu_ps(x + r * weight.inputs + i + at);
          of_block[r][s] = _mm256_fmadd_ps(numbers, x_8, of_block[r][s]);
        }
      }
    }
    const __m256 scale = _mm256_set1_ps(weight.scale(block));
    for (int r = 0; r < kRows; ++r) {
      sums[r] = _mm256_fmadd_ps(scale, added(of_block[r]), sums[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) y[r] = sum_of(sums[r]);
}

template <typename Rows>
void products_of(const Rows& weight, int64_t output, const float* x, int64_t rows, float* y) {
  switch (rows) {
    case 1:
      return products_of<1>(weight, output, x, y);
    case 2:
      return products_of<2>(weight, output, x, y);
    case 3:
      return products_of<3>(weight, output, x, y);
    default:
      return products_of<kRowsAtOnce>(weight, output, x, y);
  }
}

}  // namespace

void read_row(const Int8Rows& weight, int64_t output, float* into) {
  const int8_t* codes = weight.codes + output * weight.inputs;
  const float scale = weight.scales[output];
  for (int64_t i = 0; i < weight.inputs; ++i) into[i] = static_cast<float>(codes[i]) * scale;
}

void read_row(const Bf16Rows& weight, int64_t output, float* into) {
  const uint16_t* codes = weight.codes + output * weight.inputs;
  int64_t i = 0;
  for (; i + kWide <= weight.inputs; i += kWide) _mm256_storeu_ps(into + i, eight_of(codes + i));
  for (; i < weight.inputs; ++i) into[i] = number_of(codes[i]);
}

void read_row(const Nf4Rows& weight, int64_t output, float* into) {
  const int64_t begin = output * weight.inputs;
  const Nf4Reader reader;
  int64_t i = 0;
  if (begin % kNf4Block == 0) {
    for (; i + kWide <= weight.inputs; i += kWide) {
      const __m256 scale = _mm256_set1_ps(weight.scale((begin + i) / kNf4Block));
      const __m256 numbers = reader.eight_of(weight.codes + (begin + i) / 2);
      _mm256_storeu_ps(into + i, _mm256_mul_ps(scale, numbers));
    }
  }
  for (; i < weight.inputs; ++i) into[i] = nf4_number(weight, begin + i);
}

void row_products(const Int8Rows& weight, int64_t output, const float* x, int64_t rows, float* y) {
  products_of(weight, output, x, rows, y);
}

void row_products(const Bf16Rows& weight, int64_t output, const float* x, int64_t rows, float* y) {
  products_of(weight, output, x, rows, y);
}

void row_products(const Nf4Rows& weight, int64_t output, const float* x, int64_t rows, float* y) {
  if (weight.inputs % kNf4Block == 0) return products_of(weight, output, x, rows, y);
  std::fill_n(y, rows, 0.0F);
  for (int64_t i = 0; i < weight.inputs; ++i) {
    const float number = nf4_number(weight, output * weight.inputs + i);
    for (int64_t r = 0; r < rows; ++r) y[r] += number * x[r * weight.inputs + i];
  }
}

}  // namespace seqsweep
