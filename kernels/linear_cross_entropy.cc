// Legend: N rows, V items, D width, R rows of a chunk.
#include "kernels/linear_cross_entropy.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/nn/functional/loss.h>
#include <torch/types.h>

#include <algorithm>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/row_math.h"

namespace seqsweep {

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

constexpr const char* kName = "linear_cross_entropy";

struct Pass {
  Tensor loss;                           // A scalar.
  Tensor d_hidden, d_embedding, d_bias;  // Undefined when they were not asked for.
};

enum class Want { Loss, Gradients };

// Scores of one row -> its loss, and in place the gradient of the scores: softmax - [target].
template <typename T>
T differentiate_row(T* scores, const T* bias, int64_t items, int64_t target, Want want) {
  if (bias != nullptr) {
    for (int64_t v = 0; v < items; ++v) scores[v] += bias[v];
  }
  const T target_score = scores[target], top = row_max(scores, items);
  const T sum = row_exp_sum(scores, items, T(1), top);
  if (want == Want::Gradients) {
    const T inverse = 1 / sum;
    for (int64_t v = 0; v < items; ++v) scores[v] *= inverse;
    scores[target] -= 1;
  }
  return top - target_score + std::log(sum);
}

void differentiate_rows(const Tensor& scores_RV, const Tensor& bias_V, const Tensor& targets_R,
                        const Tensor& losses_R, Want want) {
  const int64_t items = scores_RV.size(1);
  const int64_t* targets = targets_R.data_ptr<int64_t>();
  AT_DISPATCH_FLOATING_TYPES(scores_RV.scalar_type(), kName, [&] {
    scalar_t* scores = scores_RV.data_ptr<scalar_t>();
    scalar_t* losses = losses_R.data_ptr<scalar_t>();
    const scalar_t* bias = bias_V.defined() ? bias_V.data_ptr<scalar_t>() : nullptr;
    at::parallel_for(0, scores_RV.size(0), 16, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        losses[row] = differentiate_row(scores + row * items, bias, items, targets[row], want);
      }
    });
  });
}

// CUDA: the same with ATen's operators.
void differentiate_rows_aten(const Tensor& scores_RV, const Tensor& bias_V, const Tensor& targets_R,
                             const Tensor& losses_R, Want want) {
  if (bias_V.defined()) scores_RV.add_(bias_V);
  const Tensor targets_R1 = targets_R.unsqueeze(1);
  const Tensor log_sum_R1 = scores_RV.logsumexp(1, /*keepdim=*/true);
  losses_R.copy_((log_sum_R1 - scores_RV.gather(1, targets_R1)).squeeze(1));
  if (want == Want::Loss) return;
  scores_RV.sub_(log_sum_R1).exp_();
  scores_RV.scatter_add_(1, targets_R1, -at::ones_like(targets_R1, scores_RV.options()));
}

// Enough rows for the matrix products to be efficient, few enough for the chunk's scores to stay in
// the cache between the three passes over them.
int64_t chunk_rows(const Tensor& hidden_ND, int64_t items) {
  constexpr int64_t kCacheBytes = 4 << 20;
  const int64_t fitting = kCacheBytes / (items * static_cast<int64_t>(hidden_ND.element_size()));
  return std::clamp<int64_t>(fitting, 256, 2048);
}

Pass run(const Tensor& hidden_ND, const Tensor& embedding_VD, const Tensor& bias_V,
         const Tensor& targets_N, Want want) {
  const int64_t rows = hidden_ND.size(0), items = embedding_VD.size(0);
  const int64_t chunk = std::min(std::max<int64_t>(rows, 1), chunk_rows(hidden_ND, items));
  const Tensor scores = at::empty({chunk, items}, hidden_ND.options());
  const Tensor losses_N = at::empty({rows}, hidden_ND.options());
  Pass pass;
  if (want == Want::Gradients) {
    pass.d_hidden = at::empty_like(hidden_ND);
    pass.d_embedding = at::zeros_like(embedding_VD);
    if (bias_V.defined()) pass.d_bias = at::zeros_like(bias_V);
  }
  for (int64_t begin = 0; begin < rows; begin += chunk) {
    const int64_t count = std::min(chunk, rows - begin);
    const Tensor hidden_RD = hidden_ND.narrow(0, begin, count);
    Tensor scores_RV = scores.narrow(0, 0, count);
    at::mm_out(scores_RV, hidden_RD, embedding_VD.t());
    const auto differentiate = hidden_ND.is_cuda() ? differentiate_rows_aten : differentiate_rows;
    differentiate(scores_RV, bias_V, targets_N.narrow(0, begin, count),
                  losses_N.narrow(0, begin, count), want);
    if (want == Want::Loss) continue;
    Tensor d_hidden_RD = pass.d_hidden.narrow(0, begin, count);
    at::mm_out(d_hidden_RD, scores_RV, embedding_VD);
    pass.d_embedding.addmm_(scores_RV.t(), hidden_RD);
    if (bias_V.defined()) pass.d_bias.add_(scores_RV.sum(0));
  }
  pass.loss = losses_N.sum();
  return pass;
}

class LinearCrossEntropy : public torch::autograd::Function<LinearCrossEntropy> {
 public:
  // `bias` is optional, because autograd does not take undefined tensors.
  static Tensor forward(AutogradContext* context, const Tensor& hidden_ND,
                        const Tensor& embedding_VD, const std::optional<Tensor>& bias_V,
                        const Tensor& targets_N) {
    const Pass pass =
        run(hidden_ND, embedding_VD, bias_V.value_or(Tensor()), targets_N, Want::Gradients);
    context->save_for_backward({pass.d_hidden, pass.d_embedding, pass.d_bias});
    return pass.loss;
  }
  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_losses) {
    const auto saved = context->get_saved_variables();
    const auto scaled = [&](const Tensor& gradient) {
      return gradient.defined() ? gradient * d_losses[0] : Tensor();
    };
    return {scaled(saved[0]), scaled(saved[1]), scaled(saved[2]), Tensor()};
  }
};

void check(const Tensor& hidden, const Tensor& embedding, const Tensor& bias,
           const Tensor& targets) {
  require_shape(kName, "hidden", hidden, {-1, -1});
  require_shape(kName, "embedding", embedding, {-1, hidden.size(1)});
  require_shape(kName, "targets", targets, {hidden.size(0)});
  require_floating(kName, hidden);
  require_same_device_and_dtype(kName, hidden, embedding);
  if (bias.defined()) require_shape(kName, "bias", bias, {embedding.size(0)});
  if (targets.scalar_type() != at::kLong) throw_run("{}: targets must be int64", kName);
  if (!targets.is_cpu() || targets.numel() == 0) return;
  const auto [low, high] = at::aminmax(targets);
  if (low.item<int64_t>() < 0 || high.item<int64_t>() >= embedding.size(0)) {
    throw_run("{}: targets must be in [0, {}); they span [{}, {}]", kName, embedding.size(0),
              low.item<int64_t>(), high.item<int64_t>());
  }
}

}  // namespace

Tensor linear_cross_entropy(const Tensor& hidden_ND, const Tensor& embedding_VD,
                            const Tensor& bias_V, const Tensor& targets_N) {
  check(hidden_ND, embedding_VD, bias_V, targets_N);
  const bool differentiable =
      at::GradMode::is_enabled() && (hidden_ND.requires_grad() || embedding_VD.requires_grad() ||
                                     (bias_V.defined() && bias_V.requires_grad()));
  const Tensor hidden = hidden_ND.contiguous(), embedding = embedding_VD.contiguous();
  const Tensor targets = targets_N.contiguous();
  if (differentiable) {
    const auto bias = bias_V.defined() ? std::optional<Tensor>(bias_V) : std::nullopt;
    return LinearCrossEntropy::apply(hidden, embedding, bias, targets);
  }
  return run(hidden, embedding, bias_V, targets, Want::Loss).loss;
}

Tensor linear_cross_entropy_reference(const Tensor& hidden_ND, const Tensor& embedding_VD,
                                      const Tensor& bias_V, const Tensor& targets_N) {
  check(hidden_ND, embedding_VD, bias_V, targets_N);
  Tensor scores_NV = at::mm(hidden_ND, embedding_VD.t());
  if (bias_V.defined()) scores_NV = scores_NV + bias_V;
  return at::cross_entropy_loss(scores_NV, targets_N, {}, at::Reduction::Sum);
}

}  // namespace seqsweep
