// 2Mamba4Rec: Mamba4Rec's recommender (core/nn) with the Mamba-2 mixer (Dao & Gu 2024) in place of
// Mamba's. Legend: T tokens, D width, E = expand * D inner channels, H heads of width P, G groups
// that share B and C, N state, K convolution width, S sequences.
#include <torch/nn/modules/conv.h>

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

class Mamba2Mixer : public Mixer {
 public:
  explicit Mamba2Mixer(const SsdMixerConfig& config)
      : config_(config),
        convolved_(config.inner() + 2 * config.shared()),
        in_proj_(register_module(
            "in_proj", linear(config.width, config.inner() + convolved_ + config.heads()))),
        conv1d_(register_module(
            "conv1d",
            nn::Conv1d(nn::Conv1dOptions(convolved_, convolved_, config.conv).groups(convolved_)))),
        dt_bias_(register_parameter("dt_bias", draw_dt_bias(config.heads()))),
        A_log_(register_parameter("A_log", torch::empty({config.heads()}).uniform_(1, 16).log_())),
        D_(register_parameter("D", torch::ones({config.heads()}))),
        out_proj_(register_module("out_proj", linear(config.inner(), config.width))) {
    const auto norm = register_module("norm", std::make_shared<nn::Module>());
    norm_weight_ = norm->register_parameter("weight", torch::ones({config.inner()}));
  }

  bool causal() const override { return true; }
  bool recurrent() const override { return true; }

  Tensor forward(const Tensor& x_TD, const PackedSequences& sequences) override {
    const Projected in = project(x_TD);
    const Tensor convolved = conv1d_silu(in.convolved, conv_weight(), conv1d_->bias,
                                         sequences.offsets_S1, ConvSpan::Causal);
    return leave(ssd(ssd_inputs(convolved, in.dt_TH, sequences)), in.z_TE);
  }

  Tensor forward_last(const Tensor& x_TD, const PackedSequences& sequences,
                      const Tensor& last_S) override {
    const int64_t inner = config_.inner(), shared = config_.shared();
    const auto rows_of = [&](int64_t begin, int64_t count) {
      return in_proj_->weight.narrow(0, begin, count);
    };
    const Tensor convolved =
        conv1d_silu(torch::linear(x_TD, rows_of(inner, convolved_)), conv_weight(), conv1d_->bias,
                    sequences.offsets_S1, ConvSpan::Causal);
    const auto parts = convolved.split_with_sizes({inner, shared, shared}, 1);
    const auto in_heads = [&](const Tensor& x) { return x.unflatten(1, {config_.heads(), -1}); };
    const Tensor read_SHP =
        ssd_last({.x_THP = in_heads(parts[0]),
                  .dt_TH = torch::linear(x_TD, rows_of(inner + convolved_, config_.heads())),
                  .A_H = -A_log_.exp(),
                  .B_TGN = in_groups(parts[1]),
                  .C_SGN = in_groups(parts[2].index_select(0, last_S)),
                  .dt_bias_H = dt_bias_,
                  .offsets_S1 = sequences.offsets_S1});
    const Tensor y_SHP = read_SHP + D_.unsqueeze(-1) * in_heads(parts[0].index_select(0, last_S));
    return leave(y_SHP, torch::linear(x_TD.index_select(0, last_S), rows_of(0, inner)));
  }

  SequenceState begin(int64_t sequences) override {
    const auto options = D_.options().requires_grad(false);
    return {torch::zeros({sequences, config_.conv - 1, convolved_}, options),
            torch::zeros({sequences, config_.heads(), config_.head_width, config_.state}, options)};
  }

  Tensor advance(const Tensor& x_TD, const PackedSequences& next, SequenceState& state) override {
    const Projected in = project(x_TD);
    const Tensor convolved =
        conv1d_silu_from(in.convolved, conv_weight(), conv1d_->bias, next.offsets_S1, state[0]);
    return leave(ssd_from(ssd_inputs(convolved, in.dt_TH, next), state[1]), in.z_TE);
  }

 private:
  struct Projected {
    Tensor z_TE, convolved, dt_TH;  // `convolved`: x, B and C side by side, before the convolution.
  };

  static nn::Linear linear(int64_t in, int64_t out) {
    return nn::Linear(nn::LinearOptions(in, out).bias(false));
  }

  Projected project(const Tensor& x_TD) {
    const auto parts =
        in_proj_(x_TD).split_with_sizes({config_.inner(), convolved_, config_.heads()}, 1);
    return {parts[0], parts[1], parts[2]};
  }

  Tensor conv_weight() const { return conv1d_->weight.squeeze(1); }  // [E + 2 G N, K]

  SsdInputs ssd_inputs(const Tensor& convolved, const Tensor& dt_TH,
                       const PackedSequences& sequences) const {
    const int64_t shared = config_.shared();
    const auto parts = convolved.split_with_sizes({config_.inner(), shared, shared}, 1);
    return {.x_THP = parts[0].unflatten(1, {config_.heads(), -1}),
            .dt_TH = dt_TH,
            .A_H = -A_log_.exp(),
            .B_TGN = in_groups(parts[1]),
            .C_TGN = in_groups(parts[2]),
            .D_H = D_,
            .dt_bias_H = dt_bias_,
            .offsets_S1 = sequences.offsets_S1};
  }

  Tensor in_groups(const Tensor& x) const { return x.unflatten(1, {config_.groups, -1}); }

  Tensor leave(const Tensor& y_THP, const Tensor& z_TE) {
    return out_proj_(rms_norm_gate(y_THP.flatten(1), z_TE, norm_weight_, config_.groups, kNormEps,
                                   GateOrder::GateFirst));
  }

  SsdMixerConfig config_;
  int64_t convolved_;
  nn::Linear in_proj_;
  nn::Conv1d conv1d_;
  Tensor dt_bias_, A_log_, D_, norm_weight_;
  nn::Linear out_proj_;
};

std::shared_ptr<nn::Module> make(const SsdMixerConfig& config, const ModelContext& context) {
  config.check("2mamba4rec");
  return make_mixer_recommender<Mamba2Mixer>(config, context);
}

const RegisterModel<SsdMixerConfig> k2Mamba4Rec{
    "2mamba4rec", "Mamba4Rec with the Mamba-2 mixer (Dao & Gu 2024)", "next_item", make};

}  // namespace

}  // namespace seqsweep
