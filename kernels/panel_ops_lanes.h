// The operations of panel_ops.h for vectors of one width. panel_ops.cc includes this file once an
// instruction set, after setting what LANES_NAMESPACE and LANES_BYTES stand for; so no guard, and
// no include of its own: nothing but these functions may be compiled for the wider set, or the
// linker could give its code to a processor without it.
namespace seqsweep {
namespace {
namespace LANES_NAMESPACE {

typedef float Vector __attribute__((vector_size(LANES_BYTES), aligned(4), may_alias));
typedef int32_t Bits __attribute__((vector_size(LANES_BYTES)));

constexpr int64_t kWide = LANES_BYTES / sizeof(float);

inline Vector load(const float* from) {
  return *reinterpret_cast<const Vector*>(from);
}
inline void store(float* to, Vector x) {
  *reinterpret_cast<Vector*>(to) = x;
}
inline Vector all(float x) {
  return Vector{} + x;
}

// As exp_of in row_math.h.
inline Vector exp(Vector x) {
  constexpr float kShift = 12582912.0F;  // 1.5 2^23: adding it rounds, n is in the low bits.
  x = x < -87.0F ? all(-87.0F) : x;
  x = x > 88.0F ? all(88.0F) : x;
  const Vector shifted = x * 1.44269504F + kShift;
  const Vector n = shifted - kShift;
  const Vector r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Vector series = r * (1.0F / 5040) + 1.0F / 720;
  series = series * r + 1.0F / 120;
  series = series * r + 1.0F / 24;
  series = series * r + 1.0F / 6;
  series = series * r + 0.5F;
  series = series * r + 1.0F;
  series = series * r + 1.0F;
  return (Vector)((Bits)series + ((Bits)shifted << 23));
}

// To 4e-7: x P(x^2) / Q(x^2), fitted on [-3.9, 3.9], behind which erf is 1 to 4e-8.
inline Vector erf(Vector x) {
  x = x < -3.9F ? all(-3.9F) : x;
  x = x > 3.9F ? all(3.9F) : x;
  const Vector u = x * x;
  Vector p = u * 2.05053257e-6F + 2.87446163e-4F;
  p = p * u + 3.83626181e-3F;
  p = p * u + 5.29650308e-2F;
  p = p * u + 1.91926245e-1F;
  p = p * u + 1.12837903F;
  Vector q = u * 3.82316795e-5F + 1.1815907e-3F;
  q = q * u + 1.51079721e-2F;
  q = q * u + 1.14752155e-1F;
  q = q * u + 5.03421989e-1F;
  q = q * u + 1.0F;
  return x * p / q;
}

// 1 / sqrt(x) for normal x > 0: Newton's steps from a guess within 3.5%.
inline Vector inverse_root(Vector x) {
  Vector y = (Vector)(0x5f3759df - ((Bits)x >> 1));
  for (int step = 0; step < 3; ++step) y = y * (1.5F - 0.5F * x * y * y);
  return y;
}

template <int kRows, int kVectors>
inline void multiply_tile(int64_t depth, Strided<float> a, const float* bias, Rows<const float> x,
                          Rows<float> out) {
  Vector sum[kRows][kVectors];
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) sum[i][j] = all(bias != nullptr ? bias[i] : 0.0F);
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vector right[kVectors];
    for (int j = 0; j < kVectors; ++j) right[j] = load(x.data + k * x.row_stride + j * kWide);
    for (int i = 0; i < kRows; ++i) {
      const float left = a.data[i * a.row_stride + k * a.column_stride];
      for (int j = 0; j < kVectors; ++j) sum[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVectors; ++j) store(out.data + i * out.row_stride + j * kWide, sum[i][j]);
  }
}

// The few rows that are left below the tiles, as one tile of their own.
template <int kRows, int kVectors>
inline void multiply_rest(int64_t rows, int64_t depth, Strided<float> a, const float* bias,
                          Rows<const float> x, Rows<float> out) {
  if (rows == kRows) {
    multiply_tile<kRows, kVectors>(depth, a, bias, x, out);
  } else if constexpr (kRows > 1) {
    multiply_rest<kRows - 1, kVectors>(rows, depth, a, bias, x, out);
  }
}

template <int kVectors>
void multiply_columns(int64_t rows, int64_t depth, Strided<float> a, const float* bias,
                      Rows<const float> x, Rows<float> out) {
  constexpr int kTileRows = LANES_BYTES == 64 ? 8 : 6;  // What 32, or 16, registers hold.
  const auto from = [&](int64_t row) {
    return Strided<float>{a.data + row * a.row_stride, a.row_stride, a.column_stride};
  };
  const auto bias_from = [&](int64_t row) { return bias != nullptr ? bias + row : nullptr; };
  const auto to = [&](int64_t row) {
    return Rows<float>{out.data + row * out.row_stride, out.row_stride};
  };
  int64_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows) {
    multiply_tile<kTileRows, kVectors>(depth, from(row), bias_from(row), x, to(row));
  }
  multiply_rest<kTileRows - 1, kVectors>(rows - row, depth, from(row), bias_from(row), x, to(row));
}

void multiply(int64_t rows, int64_t columns, int64_t depth, Strided<float> a, const float* bias,
              Rows<const float> x, Rows<float> out) {
  int64_t column = 0;
  for (; column + 2 * kWide <= columns; column += 2 * kWide) {
    multiply_columns<2>(rows, depth, a, bias, {x.data + column, x.row_stride},
                        {out.data + column, out.row_stride});
  }
  for (; column < columns; column += kWide) {
    multiply_columns<1>(rows, depth, a, bias, {x.data + column, x.row_stride},
                        {out.data + column, out.row_stride});
  }
}

void add_and_norm(int64_t rows, int64_t columns, Rows<const float> added, const float* weight,
                  const float* bias, float eps, Rows<float> x) {
  for (int64_t column = 0; column < columns; column += kWide) {
    const auto at = [&](int64_t row) { return x.data + row * x.row_stride + column; };
    Vector sum{}, squares{};
    for (int64_t row = 0; row < rows; ++row) {
      Vector number = load(at(row));
      if (added.data != nullptr) number += load(added.data + row * added.row_stride + column);
      store(at(row), number);
      sum += number;
    }
    const Vector mean = sum / static_cast<float>(rows);
    for (int64_t row = 0; row < rows; ++row) {
      const Vector off = load(at(row)) - mean;
      squares += off * off;
    }
    const Vector scale = inverse_root(squares / static_cast<float>(rows) + eps);
    for (int64_t row = 0; row < rows; ++row) {
      store(at(row), (load(at(row)) - mean) * scale * weight[row] + bias[row]);
    }
  }
}

void gelu(int64_t rows, int64_t columns, Rows<float> x) {
  for (int64_t row = 0; row < rows; ++row) {
    float* const numbers = x.data + row * x.row_stride;
    for (int64_t column = 0; column < columns; column += kWide) {
      const Vector number = load(numbers + column);
      store(numbers + column, 0.5F * number * (1.0F + erf(0.707106781F * number)));
    }
  }
}

void causal_softmax(int64_t keys, int64_t columns, int64_t first_query, float scale,
                    Rows<float> scores, float* inverse_sums) {
  const auto fill_later = [&](float number) {
    for (int64_t key = first_query + 1; key < keys; ++key) {
      float* const row = scores.data + key * scores.row_stride;
      const int64_t earlier = key - first_query < columns ? key - first_query : columns;
      for (int64_t column = 0; column < earlier; ++column) row[column] = number;
    }
  };
  fill_later(-3e38F);
  for (int64_t column = 0; column < columns; column += kWide) {
    float* const first = scores.data + column;
    Vector best = load(first), sum{};
    for (int64_t key = 1; key < keys; ++key) {
      const Vector score = load(first + key * scores.row_stride);
      best = score > best ? score : best;
    }
    for (int64_t key = 0; key < keys; ++key) {
      float* const score = first + key * scores.row_stride;
      const Vector weight = exp(scale * (load(score) - best));
      sum += weight;
      store(score, weight);
    }
    store(inverse_sums + column, 1.0F / sum);
  }
  fill_later(0);
}

void conv_silu(int64_t rows, int64_t columns, int64_t width, int64_t before, const float* weight,
               const float* bias, Rows<const float> x, Rows<float> out) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* const from = x.data + row * x.row_stride - before;
    const float* const row_weight = weight + row * width;
    for (int64_t column = 0; column < columns; column += kWide) {
      Vector sum = all(bias[row]);
      for (int64_t k = 0; k < width; ++k) sum += row_weight[k] * load(from + column + k);
      store(out.data + row * out.row_stride + column, sum / (1.0F + exp(-sum)));
    }
  }
}

constexpr PanelOps kOps{.name = LANES_NAME,
                        .multiply = multiply,
                        .add_and_norm = add_and_norm,
                        .gelu = gelu,
                        .causal_softmax = causal_softmax,
                        .conv_silu = conv_silu};

}  // namespace LANES_NAMESPACE
}  // namespace
}  // namespace seqsweep
