// Hydra4Rec (the paper's section 3.3): Mamba4Rec's recommender (core/nn) with the bidirectional
// Hydra mixer (Hwang et al. 2024). A token sees those after it, so the model trains on prefixes,
// with the loss at the last item. Legend: T tokens, D width, E = expand * D inner channels, H heads
// of width P, G groups that share B and C, N state, K convolution width, S sequences.
#include <torch/nn/modules/conv.h>

#include "core/base/error.h"
#include "core/nn/ssd_mixer_config.h"
#include "core/nn/state_space_init.h"
#include "kernels/conv1d_silu.h"
#include "kernels/rms_norm_gate.h"
#include "kernels/ssd.h"
#include "kernels/ssd_last.h"

namespace seqsweep {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

constexpr double kNormEps = 1e-5;

struct Hydra4RecConfig : SsdMixerConfig {
  Hydra4RecConfig() { conv = 7; }
};

class HydraMixer : public Mixer {
 public:
  explicit HydraMixer(const Hydra4RecConfig& config)
      : config_(config),
        convolved_(config.inner() + 4 * config.shared()),
        in_proj_(register_module(
            "in_proj", linear(config.width, config.inner() + convolved_ + 2 * config.heads()))),
        conv1d_(register_module(
            "conv1d",
            nn::Conv1d(nn::Conv1dOptions(convolved_, convolved_, config.conv).groups(convolved_)))),
        dt_bias_(register_parameter("dt_bias", draw_dt_bias(config.heads()))),
        A_log_(register_parameter("A_log", torch::zeros({config.heads()}))),
        D_(register_parameter("D", torch::ones({config.heads()}))),
        fc_D_(register_module("fc_D", linear(config.inner(), config.heads()))),
        out_proj_(register_module("out_proj", linear(config.inner(), config.width))) {
    const auto norm = register_module("norm", std::make_shared<nn::Module>());
    norm_weight_ = norm->register_parameter("weight", torch::ones({config.inner()}));
  }

  bool causal() const override { return false; }

  Tensor forward(const Tensor& x_TD, const PackedSequences& sequences) override {
    const auto parts =
        in_proj_(x_TD).split_with_sizes({config_.inner(), convolved_, 2 * config_.heads()}, 1);
    const Tensor convolved = conv1d_silu(parts[1], conv1d_->weight.squeeze(1), conv1d_->bias,
                                         sequences.offsets_S1, ConvSpan::Centred);
    const Tensor y_THP = bidirectional_ssd(ssd_inputs(convolved, parts[2], sequences));
    return out_proj_(
        rms_norm_gate(y_THP.flatten(1), parts[0], norm_weight_, 1, kNormEps, GateOrder::NormFirst));
  }

 private:
  static nn::Linear linear(int64_t in, int64_t out) {
    return nn::Linear(nn::LinearOptions(in, out).bias(false));
  }

  // `convolved`: x, then B and C of the forward, then of the backward direction.
  BidirectionalSsdInputs ssd_inputs(const Tensor& convolved, const Tensor& dt_T2H,
                                    const PackedSequences& sequences) {
    const int64_t shared = config_.shared();
    const auto parts =
        convolved.split_with_sizes({config_.inner(), shared, shared, shared, shared}, 1);
    const auto dt = dt_T2H.chunk(2, 1);
    return {.x_THP = parts[0].unflatten(1, {config_.heads(), -1}),
            .dt_forward_TH = dt[0],
            .dt_backward_TH = dt[1],
            .A_H = -A_log_.exp(),
            .B_forward_TGN = in_groups(parts[1]),
            .C_forward_TGN = in_groups(parts[2]),
            .B_backward_TGN = in_groups(parts[3]),
            .C_backward_TGN = in_groups(parts[4]),
            .dt_bias_H = dt_bias_,
            .diagonal_TH = fc_D_(parts[0]) + D_,
            .offsets_S1 = sequences.offsets_S1};
  }

  Tensor in_groups(const Tensor& x) const { return x.unflatten(1, {config_.groups, -1}); }

  Tensor leave(const Tensor& y_RHP, const Tensor& z_RE) {
    return out_proj_(rms_norm_gate(y_RHP.flatten(1), z_RE, norm_weight_, /*groups=*/1, kNormEps,
                                   GateOrder::NormFirst));
  }

  Hydra4RecConfig config_;
  int64_t convolved_;
  nn::Linear in_proj_;
  nn::Conv1d conv1d_;
  Tensor dt_bias_, A_log_, D_, norm_weight_;
  nn::Linear fc_D_, out_proj_;
};

std::shared_ptr<nn::Module> make(const Hydra4RecConfig& config, const ModelContext& context) {
  config.check("hydra4rec");
  if (config.conv % 2 == 0) {
    throw_input("model hydra4rec: conv must be odd, as it is centred; it is {}", config.conv);
  }
  return make_mixer_recommender<HydraMixer>(config, context);
}

const RegisterModel<Hydra4RecConfig> kHydra4Rec{
    "hydra4rec", "a bidirectional state space, trained on prefixes (Hwang et al. 2024)",
    "next_item", make};

}  // namespace

}  // namespace seqsweep
