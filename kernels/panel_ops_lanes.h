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

// As exp_of in row_math.h, for x <= 88.
inline Vector exp(Vector x) {
  constexpr float kShift = 12582912.0F;  // 1.5 2^23: adding it rounds, n is in the low bits.
  x = x < -87.0F ? all(-87.0F) : x;
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

// erf(x / sqrt(2)) for x >= 0, to 4e-7: x P(x^2) / Q(x^2), fitted on [0, 5.515], behind which it is
// 1 to 4e-8.
inline Vector half_normal(Vector x) {
  x = x > 5.515F ? all(5.515F) : x;
  const Vector u = x * x;
  Vector p = u * 4.53107964e-08F + 1.27034457e-05F;
  p = p * u + 0.000339080843F;
  p = p * u + 0.00936298311F;
  p = p * u + 0.0678561747F;
  p = p * u + 0.797884464F;
  Vector q = u * 1.19473998e-06F + 7.38494187e-05F;
  q = q * u + 0.00188849651F;
  q = q * u + 0.0286880387F;
  q = q * u + 0.251710995F;
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

// Of kVectors vectors of columns: their sums do not wait for each other.
template <int kVectors>
void norm_columns(int64_t rows, Rows<const float> added, const float* weight, const float* bias,
                  float eps, Rows<float> x) {
  const auto number = [&](int64_t row, int j) { return x.data + row * x.row_stride + j * kWide; };
  Vector mean[kVectors] = {}, scale[kVectors] = {};
  for (int64_t row = 0; row < rows; ++row) {
    for (int j = 0; j < kVectors; ++j) {
      Vector sum = load(number(row, j));
      if (added.data != nullptr) sum += load(added.data + row * added.row_stride + j * kWide);
      store(number(row, j), sum);
      mean[j] += sum;
    }
  }
  for (int j = 0; j < kVectors; ++j) mean[j] /= static_cast<float>(rows);
  for (int64_t row = 0; row < rows; ++row) {
    for (int j = 0; j < kVectors; ++j) {
      const Vector off = load(number(row, j)) - mean[j];
      scale[j] += off * off;
    }
  }
  for (int j = 0; j < kVectors; ++j) {
    scale[j] = inverse_root(scale[j] / static_cast<float>(rows) + eps);
  }
  for (int64_t row = 0; row < rows; ++row) {
    for (int j = 0; j < kVectors; ++j) {
      const Vector normed = (load(number(row, j)) - mean[j]) * scale[j];
      store(number(row, j), normed * weight[row] + bias[row]);
    }
  }
}

void add_and_norm(int64_t rows, int64_t columns, Rows<const float> added, const float* weight,
                  const float* bias, float eps, Rows<float> x) {
  const auto run = [&]<int kVectors>(int64_t column) {
    const float* const more = added.data != nullptr ? added.data + column : nullptr;
    norm_columns<kVectors>(rows, {more, added.row_stride}, weight, bias, eps,
                           {x.data + column, x.row_stride});
  };
  int64_t column = 0;
  for (; column + 4 * kWide <= columns; column += 4 * kWide) run.template operator()<4>(column);
  for (; column + 2 * kWide <= columns; column += 2 * kWide) run.template operator()<2>(column);
  for (; column < columns; column += kWide) run.template operator()<1>(column);
}

void gelu(int64_t rows, int64_t columns, Rows<float> panel) {
  for (int64_t row = 0; row < rows; ++row) {
    float* const numbers = panel.data + row * panel.row_stride;
    for (int64_t column = 0; column < columns; column += kWide) {
      // x (1 + erf(x / sqrt(2))) / 2, whose second part is the same for x and -x.
      const Vector x = load(numbers + column), size = (Vector)((Bits)x & 0x7fffffff);
      store(numbers + column, 0.5F * (x + size * half_normal(size)));
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
      const Vector least = sum < -88.0F ? all(-88.0F) : sum;
      store(out.data + row * out.row_stride + column, sum / (1.0F + exp(-least)));
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
