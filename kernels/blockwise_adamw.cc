#include "kernels/blockwise_adamw.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "kernels/blockwise_adamw_cuda.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/dynamic_map.h"

namespace seqsweep {

BlockwiseAdamWCuda blockwise_adamw_cuda;

namespace {

using at::Tensor;

constexpr const char* kBlockwise = "blockwise_adamw";
constexpr int64_t kCodes = 256;

// Codes of numbers between -1 and 1: how many of the 255 middles of neighbours lie below.
class Nearest {
 public:
  explicit Nearest(const float* codebook) {
    for (int64_t i = 0; i + 1 < kCodes; ++i) middles_[i] = (codebook[i] + codebook[i + 1]) / 2;
  }
  uint8_t code_of(float x) const {
    int below = 0;
#pragma GCC unroll 8
    for (int step = kCodes / 2; step > 0; step /= 2) {
      below += middles_[below + step - 1] < x ? step : 0;  // Without a branch.
    }
    return static_cast<uint8_t>(below);
  }

 private:
  std::array<float, kCodes> middles_{};
};

float inverse_or_zero(float scale) {
  return scale > 0 ? 1 / scale : 0;
}

// One block of `count` numbers.
void update_block(const BlockwiseAdamWParams& p, int64_t block, const Nearest& mean_nearest,
                  const Nearest& square_nearest) {
  const int64_t begin = block * kStateBlock, count = std::min(kStateBlock, p.size - begin);
  std::array<float, kStateBlock> mean, square;
  const float old_mean_scale = p.mean_scales[block], old_square_scale = p.square_scales[block];
  float mean_scale = 0, square_scale = 0;
#pragma omp simd reduction(max : mean_scale, square_scale)
  for (int64_t i = 0; i < count; ++i) {
    const float g = p.gradients[begin + i];
    const float old_mean = p.mean_codebook[p.mean_codes[begin + i]] * old_mean_scale;
    const float old_square = p.square_codebook[p.square_codes[begin + i]] * old_square_scale;
    mean[i] = p.beta1 * old_mean + (1 - p.beta1) * g;
    square[i] = p.beta2 * old_square + (1 - p.beta2) * g * g;
    mean_scale = std::max(mean_scale, std::abs(mean[i]));
    square_scale = std::max(square_scale, square[i]);
  }
  for (int64_t i = 0; i < count; ++i) {
    const float root = std::sqrt(square[i]) * p.correction + p.eps;
    p.values[begin + i] = p.values[begin + i] * p.shrink - p.length * mean[i] / root;
  }
  const float to_mean = inverse_or_zero(mean_scale), to_square = inverse_or_zero(square_scale);
  for (int64_t i = 0; i < count; ++i) {
    p.mean_codes[begin + i] = mean_nearest.code_of(mean[i] * to_mean);
    p.square_codes[begin + i] = square_nearest.code_of(square[i] * to_square);
  }
  p.mean_scales[block] = mean_scale;
  p.square_scales[block] = square_scale;
}

void step_on_cpu(const BlockwiseAdamWParams& params) {
  constexpr int64_t kBlocksAThread = 16;
  const Nearest mean_nearest(params.mean_codebook), square_nearest(params.square_codebook);
  const int64_t blocks = (params.size + kStateBlock - 1) / kStateBlock;
  at::parallel_for(0, blocks, kBlocksAThread, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      update_block(params, block, mean_nearest, square_nearest);
    }
  });
}

void require_blockwise(const BlockwiseAdamW& t) {
  require_shape(kBlockwise, "values", t.values, {-1});
  const int64_t size = t.values.numel(), blocks = (size + kStateBlock - 1) / kStateBlock;
  const auto require = [&](const char* name, const Tensor& tensor, at::IntArrayRef sizes,
                           at::ScalarType dtype) {
    require_shape(kBlockwise, name, tensor, sizes);
    const bool fits = tensor.scalar_type() == dtype && tensor.device() == t.values.device() &&
                      tensor.is_contiguous();
    if (fits) return;
    throw_run("{}: {} must be {}, contiguous, on {}; it is {} on {}", kBlockwise, name,
              c10::toString(dtype), t.values.device().str(), c10::toString(tensor.scalar_type()),
              tensor.device().str());
  };
  require("values", t.values, {size}, at::kFloat);
  require("gradients", t.gradients, {size}, at::kFloat);
  require("mean_codes", t.mean_codes, {size}, at::kByte);
  require("square_codes", t.square_codes, {size}, at::kByte);
  require("mean_scales", t.mean_scales, {blocks}, at::kFloat);
  require("square_scales", t.square_scales, {blocks}, at::kFloat);
  require("codebooks", t.codebooks, {2, kCodes}, at::kFloat);
}

}  // namespace

Tensor state_codebooks(c10::Device device) {
  const auto row = [](bool is_signed) {
    const std::array<float, kCodes> numbers = dynamic_map(is_signed);
    return torch::tensor(at::ArrayRef<float>(numbers));
  };
  return torch::stack({row(/*is_signed=*/true), row(/*is_signed=*/false)}).to(device);
}

void blockwise_adamw_step(const BlockwiseAdamW& t, const AdamWRule& rule) {
  require_blockwise(t);
  const auto steps = static_cast<double>(rule.step);
  const BlockwiseAdamWParams params{
      .values = t.values.data_ptr<float>(),
      .gradients = t.gradients.data_ptr<float>(),
      .mean_codes = t.mean_codes.data_ptr<uint8_t>(),
      .square_codes = t.square_codes.data_ptr<uint8_t>(),
      .mean_scales = t.mean_scales.data_ptr<float>(),
      .square_scales = t.square_scales.data_ptr<float>(),
      .mean_codebook = t.codebooks.data_ptr<float>(),
      .square_codebook = t.codebooks.data_ptr<float>() + kCodes,
      .size = t.values.numel(),
      .beta1 = static_cast<float>(rule.beta1),
      .beta2 = static_cast<float>(rule.beta2),
      .eps = static_cast<float>(rule.eps),
      .shrink = static_cast<float>(1 - rule.lr * rule.weight_decay),
      .length = static_cast<float>(rule.lr / (1 - std::pow(rule.beta1, steps))),
      .correction = static_cast<float>(1 / std::sqrt(1 - std::pow(rule.beta2, steps)))};
  if (!t.values.is_cuda()) return step_on_cpu(params);
  const c10::DeviceGuard on(t.values.device());
  launch_cuda(kBlockwise, blockwise_adamw_cuda.step, params);
}

}  // namespace seqsweep
