#include "kernels/few_row_linear.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/lanes.h"

namespace seqsweep {

namespace {

using at::Tensor;

constexpr int64_t kWide = kLanes<float>;
constexpr int64_t kBlock = 2 * kWide;  // Outputs; threads share whole blocks.
constexpr int64_t kParts = 16;         // Of the inputs of a weight that lies column by column.

struct Product {
  const float *x_RI, *weight;
  float* y_RO;
  int64_t inputs, outputs;
};

// Outputs [begin, end) of a weight that lies row by row. As many sums as hide the latency of
// adding.
template <int kRows>
void multiply_rows(const Product& product, int64_t begin, int64_t end) {
  constexpr int64_t kSums = kRows == 1 ? 4 : kRows <= 4 ? 2 : 1;
  const int64_t inputs = product.inputs;
  for (int64_t o = begin; o < end; ++o) {
    const float* row = product.weight + o * inputs;
    Lanes<float> sums[kRows][kSums] = {};
    int64_t i = 0;
    for (; i + kSums * kWide <= inputs; i += kSums * kWide) {
      for (int64_t s = 0; s < kSums; ++s) {
        const Lanes<float> numbers = load_lanes(row + i + s * kWide);
        for (int r = 0; r < kRows; ++r) {
          sums[r][s] += numbers * load_lanes(product.x_RI + r * inputs + i + s * kWide);
        }
      }
    }
    for (int r = 0; r < kRows; ++r) {
      Lanes<float> sum = sums[r][0];
      for (int64_t s = 1; s < kSums; ++s) sum += sums[r][s];
      float y = 0;
      for (int64_t lane = 0; lane < kWide; ++lane) y += sum[lane];
      for (int64_t j = i; j < inputs; ++j) y += row[j] * product.x_RI[r * inputs + j];
      product.y_RO[r * product.outputs + o] = y;
    }
  }
}

// What inputs [begin, end) give to every output, of a weight that lies column by column, [I, O] in
// memory: four inputs at a time. y [kRows, O].
template <int kRows>
void multiply_columns(const Product& product, int64_t begin, int64_t end, float* y) {
  const int64_t inputs = product.inputs, outputs = product.outputs;
  const auto add = [&](int64_t i, auto count) {
    const float* from = product.weight + i * outputs;
    const float* x = product.x_RI + i;
    int64_t o = 0;
    for (; o + kWide <= outputs; o += kWide) {
      Lanes<float> sums[kRows];
      for (int r = 0; r < kRows; ++r) sums[r] = load_lanes(y + r * outputs + o);
      for (int c = 0; c < count; ++c) {
        const Lanes<float> numbers = load_lanes(from + c * outputs + o);
        for (int r = 0; r < kRows; ++r) sums[r] += x[r * inputs + c] * numbers;
      }
      for (int r = 0; r < kRows; ++r) store_lanes(y + r * outputs + o, sums[r]);
    }
    for (; o < outputs; ++o) {
      for (int c = 0; c < count; ++c) {
        for (int r = 0; r < kRows; ++r)
          y[r * outputs + o] += x[r * inputs + c] * from[c * outputs + o];
      }
    }
  };
  std::fill_n(y, kRows * outputs, 0.0F);
  int64_t i = begin;
  for (; i + 4 <= end; i += 4) add(i, std::integral_constant<int, 4>());
  for (; i < end; ++i) add(i, std::integral_constant<int, 1>());
}

// Threads share blocks of outputs.
template <int kRows>
void by_rows(const Product& product) {
  at::parallel_for(0, (product.outputs + kBlock - 1) / kBlock, 4, [&](int64_t first, int64_t last) {
    multiply_rows<kRows>(product, first * kBlock, std::min(last * kBlock, product.outputs));
  });
}

// Threads share parts of the inputs, which lie one behind the other in memory. There are always as
// many parts, so that any number of threads gives the same sums.
template <int kRows>
void by_columns(const Product& product) {
  const int64_t numbers = kRows * product.outputs;
  const Tensor sums = at::empty({kParts, numbers});
  auto* of_parts = sums.data_ptr<float>();
  at::parallel_for(0, kParts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      multiply_columns<kRows>(product, product.inputs * part / kParts,
                              product.inputs * (part + 1) / kParts, of_parts + part * numbers);
    }
  });
  for (int64_t part = 0; part < kParts; ++part) {
    const float* more = of_parts + part * numbers;
    for (int64_t i = 0; i < numbers; ++i)
      product.y_RO[i] = part == 0 ? more[i] : product.y_RO[i] + more[i];
  }
}

void multiply(const Product& product, int64_t rows, bool row_by_row) {
  [&]<int... kLess>(std::integer_sequence<int, kLess...>) {
    ((rows == kLess + 1 ? row_by_row ? by_rows<kLess + 1>(product) : by_columns<kLess + 1>(product)
                        : void()),
     ...);
  }
  (std::make_integer_sequence<int, kFewRowsOfFloat>());
}

bool wants_gradient(const Tensor& x) {
  return x.defined() && x.requires_grad();
}

bool few_rows_of_float(const Tensor& x_RI, const Tensor& weight_OI, const Tensor& bias_O) {
  if (x_RI.dim() != 2 || x_RI.size(0) == 0 || x_RI.size(0) > kFewRowsOfFloat) return false;
  if (at::GradMode::is_enabled() &&
      (wants_gradient(x_RI) || wants_gradient(weight_OI) || wants_gradient(bias_O))) {
    return false;
  }
  const auto fits = [](const Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat; };
  return fits(x_RI) && fits(weight_OI) && weight_OI.dim() == 2 &&
         weight_OI.size(1) == x_RI.size(1) &&
         (weight_OI.is_contiguous() || weight_OI.t().is_contiguous());
}

}  // namespace

Tensor few_row_linear(const Tensor& x_RI, const Tensor& weight_OI, const Tensor& bias_O) {
  if (!few_rows_of_float(x_RI, weight_OI, bias_O)) return at::linear(x_RI, weight_OI, bias_O);
  const Tensor x = x_RI.contiguous();
  const int64_t rows = x.size(0), outputs = weight_OI.size(0);
  Tensor y_RO = at::empty({rows, outputs}, x.options());
  const Product product{.x_RI = x.const_data_ptr<float>(),
                        .weight = weight_OI.const_data_ptr<float>(),
                        .y_RO = y_RO.data_ptr<float>(),
                        .inputs = x.size(1),
                        .outputs = outputs};
  multiply(product, rows, weight_OI.is_contiguous());
  return bias_O.defined() ? y_RO.add_(bias_O) : y_RO;
}

}  // namespace seqsweep
