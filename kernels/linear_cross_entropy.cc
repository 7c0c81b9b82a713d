// Checks, dispatch, autograd, chunks on CUDA; linear_cross_entropy_cpu.cc computes on the CPU.
// Legend: N rows, V items, D width, R rows of a chunk, M negatives.
#include "kernels/linear_cross_entropy.h"

#include <c10/core/DeviceGuard.h>
#include <torch/autograd.h>
#include <torch/nn/functional/loss.h>
#include <torch/types.h>

#include <algorithm>

#include "core/base/error.h"
#include "kernels/checks.h"
#include "kernels/cuda_plugin.h"
#include "kernels/linear_cross_entropy_cpu.h"
#include "kernels/linear_cross_entropy_cuda.h"

namespace seqsweep {

LinearCrossEntropyCuda linear_cross_entropy_cuda;

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;

constexpr const char* kLinearCrossEntropy = "linear_cross_entropy";
constexpr const char* kSampledName = "sampled_cross_entropy";

// Sampled scores of a chunk -> the losses of its rows, and in place the gradient of the scores.
void differentiate_sampled_rows(const CrossEntropyInputs& in, const Tensor& scores_RV,
                                const Tensor& losses_R, const Tensor& d_own_R) {
  if (in.bias_V.defined()) scores_RV.add_(in.bias_V);
  scores_RV.masked_fill_(in.targets_N.unsqueeze(1).eq(in.ids_V),
                         -std::numeric_limits<double>::infinity());
  const Tensor log_sum_R = at::logaddexp(scores_RV.logsumexp(1), in.own_N);
  losses_R.copy_(log_sum_R - in.own_N);
  if (!d_own_R.defined()) return;
  d_own_R.copy_((in.own_N - log_sum_R).exp() - 1);
  scores_RV.sub_(log_sum_R.unsqueeze(1)).exp_();
}

// The same of scores of all items, by our kernel, the gradients into d_scores, which may be the
// scores or undefined: rows begin at multiples of 16 bytes.
void differentiate_rows_cuda(const CrossEntropyInputs& in, const Tensor& scores_RV,
                             const Tensor& losses_R, const Tensor& d_scores_RV) {
  launch_cuda(kLinearCrossEntropy, linear_cross_entropy_cuda.differentiate_rows,
              CrossEntropyRowsParams{
                  .scores_RV = scores_RV.data_ptr<float>(),
                  .bias_V = in.bias_V.defined() ? in.bias_V.data_ptr<float>() : nullptr,
                  .targets_R = in.targets_N.data_ptr<int64_t>(),
                  .losses_R = losses_R.data_ptr<float>(),
                  .rows = scores_RV.size(0),
                  .pitch = scores_RV.stride(0),
                  .items = static_cast<int>(scores_RV.size(1)),
                  .gradients_RV = d_scores_RV.defined() ? d_scores_RV.data_ptr() : nullptr,
                  .bf16 = d_scores_RV.defined() && is_bf16(d_scores_RV)});
}

// Rows whose scores are 32 MB, which stay in the L2 of a GPU until they are gradients and used up;
// but enough rows for large products. Chunks are about equal.
int64_t rows_of_gpu_chunk(int64_t rows, int64_t pitch) {
  const int64_t most = std::max<int64_t>((8 << 20) / std::max<int64_t>(pitch, 1), 256);
  const int64_t chunks = std::max<int64_t>((rows + most - 1) / most, 1);
  return (rows + chunks - 1) / chunks;
}

// a b, in float also where they are bfloat16.
void multiply_into(Tensor& to, const Tensor& a, const Tensor& b) {
  is_bf16(a) ? at::mm_out(to, a, b, at::kFloat) : at::mm_out(to, a, b);
}
void add_product(Tensor& to, const Tensor& a, const Tensor& b) {
  is_bf16(a) ? to.add_(at::mm(a, b, at::kFloat)) : to.addmm_(a, b);
}

// On CUDA, a chunk of rows at a time: products of ATen's and our kernel between them, or ATen's
// operators where the loss is sampled. Where hidden is bfloat16, what the products take is.
CrossEntropyPass cross_entropy_gpu(const CrossEntropyInputs& in, Want want) {
  const at::NoGradGuard no_grad;
  const c10::DeviceGuard on(in.hidden_ND.device());
  const int64_t rows = in.hidden_ND.size(0), items = in.embedding_VD.size(0);
  const int64_t pitch = (items + 31) / 32 * 32, chunk = rows_of_gpu_chunk(rows, pitch);
  const Tensor embedding_VD = in.embedding_VD.to(in.hidden_ND.scalar_type());
  const Tensor room = at::empty({chunk, pitch}, in.embedding_VD.options());
  const Tensor d_room =
      is_bf16(in.hidden_ND) ? at::empty({chunk, pitch}, in.hidden_ND.options()) : room;
  const Tensor losses_N = at::empty({rows}, in.embedding_VD.options());
  CrossEntropyPass pass;
  if (want == Want::Gradients) {
    pass.d_hidden = at::empty_like(in.hidden_ND);
    pass.d_embedding = at::zeros_like(in.embedding_VD);
    if (in.bias_V.defined()) pass.d_bias = at::zeros_like(in.bias_V);
    if (in.own_N.defined()) pass.d_own = at::empty_like(in.own_N);
  }
  for (int64_t begin = 0; begin < rows; begin += chunk) {
    const int64_t count = std::min(chunk, rows - begin);
    const auto part = [&](const Tensor& all_N) {
      return all_N.defined() ? all_N.narrow(0, begin, count) : Tensor();
    };
    const CrossEntropyInputs some{part(in.hidden_ND), in.embedding_VD, in.bias_V,
                                  part(in.targets_N), part(in.own_N),  in.ids_V};
    Tensor scores_RV = room.narrow(0, 0, count).narrow(1, 0, items);
    const Tensor d_scores_RV =
        want == Want::Loss ? Tensor() : d_room.narrow(0, 0, count).narrow(1, 0, items);
    multiply_into(scores_RV, some.hidden_ND, embedding_VD.t());
    if (in.own_N.defined()) {
      differentiate_sampled_rows(some, scores_RV, part(losses_N), part(pass.d_own));
    } else {
      differentiate_rows_cuda(some, scores_RV, part(losses_N), d_scores_RV);
    }
    if (want == Want::Loss) continue;
    if (in.own_N.defined() && is_bf16(d_scores_RV)) d_scores_RV.copy_(scores_RV);
    Tensor d_hidden_RD = part(pass.d_hidden);
    at::mm_out(d_hidden_RD, d_scores_RV, embedding_VD);
    add_product(pass.d_embedding, d_scores_RV.t(), some.hidden_ND);
    if (in.bias_V.defined()) pass.d_bias.add_(d_scores_RV.sum(0, /*keepdim=*/false, at::kFloat));
  }
  pass.loss = losses_N.sum();
  return pass;
}

CrossEntropyPass compute(const CrossEntropyInputs& inputs, Want want) {
  return (inputs.hidden_ND.is_cuda() ? cross_entropy_gpu : cross_entropy_cpu)(inputs, want);
}

Tensor undefined_if_none(const std::optional<Tensor>& tensor) {
  return tensor.value_or(Tensor());
}
std::optional<Tensor> none_if_undefined(const Tensor& tensor) {
  return tensor.defined() ? std::optional<Tensor>(tensor) : std::nullopt;
}

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  // Tensors that may be missing are optional, because autograd does not take undefined ones.
  static Tensor forward(AutogradContext* context, const Tensor& hidden, const Tensor& embedding,
                        const std::optional<Tensor>& bias, const std::optional<Tensor>& own,
                        const Tensor& targets, const std::optional<Tensor>& ids) {
    const CrossEntropyPass pass = compute({hidden, embedding, undefined_if_none(bias), targets,
                                           undefined_if_none(own), undefined_if_none(ids)},
                                          Want::Gradients);
    context->save_for_backward({pass.d_hidden, pass.d_embedding, pass.d_bias, pass.d_own});
    return pass.loss;
  }
  static torch::autograd::variable_list backward(AutogradContext* context,
                                                 torch::autograd::variable_list d_losses) {
    torch::autograd::variable_list gradients;
    for (const Tensor& gradient : context->get_saved_variables()) {
      gradients.push_back(gradient.defined() ? gradient * d_losses[0] : Tensor());
    }
    gradients.resize(6);
    return gradients;
  }
};

Tensor cross_entropy(const CrossEntropyInputs& in) {
  const auto differentiable = [](const Tensor& tensor) {
    return tensor.defined() && tensor.requires_grad();
  };
  if (at::GradMode::is_enabled() &&
      (differentiable(in.hidden_ND) || differentiable(in.embedding_VD) ||
       differentiable(in.bias_V) || differentiable(in.own_N))) {
    return CrossEntropy::apply(in.hidden_ND, in.embedding_VD, none_if_undefined(in.bias_V),
                               none_if_undefined(in.own_N), in.targets_N,
                               none_if_undefined(in.ids_V));
  }
  return compute(in, Want::Loss).loss;
}

void check_ids(const char* op, const char* name, const Tensor& ids, int64_t items) {
  if (ids.scalar_type() != at::kLong) throw_run("{}: {} must be int64", op, name);
  if (!ids.is_cpu() || ids.numel() == 0) return;
  const auto [low, high] = at::aminmax(ids);
  if (low.item<int64_t>() < 0 || high.item<int64_t>() >= items) {
    throw_run("{}: {} must be in [0, {}); they span [{}, {}]", op, name, items, low.item<int64_t>(),
              high.item<int64_t>());
  }
}

void check(const char* op, const Tensor& hidden, const Tensor& embedding, const Tensor& bias,
           const Tensor& targets) {
  require_shape(op, "hidden", hidden, {-1, -1});
  require_shape(op, "embedding", embedding, {-1, hidden.size(1)});
  require_shape(op, "targets", targets, {hidden.size(0)});
  require_activation(op, hidden);
  require_parameter(op, hidden, embedding);
  if (bias.defined()) {
    require_shape(op, "bias", bias, {embedding.size(0)});
    require_parameter(op, hidden, bias);
  }
  check_ids(op, "targets", targets, embedding.size(0));
}

void check_sampled(const Tensor& hidden, const Tensor& embedding, const Tensor& bias,
                   const Tensor& targets, const Tensor& negatives, const Tensor& log_expected) {
  check(kSampledName, hidden, embedding, bias, targets);
  require_shape(kSampledName, "negatives", negatives, {-1});
  require_shape(kSampledName, "log_expected", log_expected, {negatives.size(0)});
  require_parameter(kSampledName, hidden, log_expected);
  check_ids(kSampledName, "negatives", negatives, embedding.size(0));
}

}  // namespace

Tensor linear_cross_entropy(const Tensor& hidden_ND, const Tensor& embedding_VD,
                            const Tensor& bias_V, const Tensor& targets_N) {
  check(kLinearCrossEntropy, hidden_ND, embedding_VD, bias_V, targets_N);
  return cross_entropy({hidden_ND.contiguous(), embedding_VD.contiguous(),
                        bias_V.defined() ? bias_V.contiguous() : bias_V, targets_N.contiguous(),
                        Tensor(), Tensor()});
}

Tensor linear_cross_entropy_reference(const Tensor& hidden_ND, const Tensor& embedding_VD,
                                      const Tensor& bias_V, const Tensor& targets_N) {
  check(kLinearCrossEntropy, hidden_ND, embedding_VD, bias_V, targets_N);
  Tensor scores_NV = at::mm(hidden_ND, embedding_VD.t());
  if (bias_V.defined()) scores_NV = scores_NV + bias_V;
  return at::cross_entropy_loss(scores_NV, targets_N, {}, at::Reduction::Sum);
}

// The rows of the items are looked up together, targets first: one dense gradient of the embedding.
Tensor sampled_cross_entropy(const Tensor& hidden_ND, const Tensor& embedding_VD,
                             const Tensor& bias_V, const Tensor& targets_N,
                             const Tensor& negatives_M, const Tensor& log_expected_M) {
  check_sampled(hidden_ND, embedding_VD, bias_V, targets_N, negatives_M, log_expected_M);
  const Tensor ids = at::cat({targets_N, negatives_M});
  const std::vector<int64_t> sizes{targets_N.size(0), negatives_M.size(0)};
  const auto embeddings = at::embedding(embedding_VD, ids).split_with_sizes(sizes);
  Tensor own_N = (hidden_ND * embeddings[0]).sum(1), bias_M = -log_expected_M;
  if (bias_V.defined()) {
    // Not index_select: on a GPU its gradient adds in any order.
    const auto biases = at::embedding(bias_V.unsqueeze(1), ids).squeeze(1).split_with_sizes(sizes);
    own_N = own_N + biases[0];
    bias_M = bias_M + biases[1];
  }
  return cross_entropy({hidden_ND.contiguous(), embeddings[1].contiguous(), bias_M,
                        targets_N.contiguous(), own_N, negatives_M.contiguous()});
}

Tensor sampled_cross_entropy_reference(const Tensor& hidden_ND, const Tensor& embedding_VD,
                                       const Tensor& bias_V, const Tensor& targets_N,
                                       const Tensor& negatives_M, const Tensor& log_expected_M) {
  check_sampled(hidden_ND, embedding_VD, bias_V, targets_N, negatives_M, log_expected_M);
  Tensor scores_NV = at::mm(hidden_ND, embedding_VD.t());
  if (bias_V.defined()) scores_NV = scores_NV + bias_V;
  const Tensor targets_N1 = targets_N.unsqueeze(1);
  const Tensor own_N1 = scores_NV.gather(1, targets_N1);
  const Tensor negative_scores_NM = (scores_NV.index_select(1, negatives_M) - log_expected_M)
                                        .masked_fill(targets_N1.eq(negatives_M), -INFINITY);
  return (at::cat({own_N1, negative_scores_NM}, 1).logsumexp(1) - own_N1.squeeze(1)).sum();
}

}  // namespace seqsweep
