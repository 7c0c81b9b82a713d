// Mamba4Rec (Liu et al. 2024): the recommender of core/nn with the Mamba mixer (Gu & Dao 2023) in
// it. Legend: T tokens, D width, E = expand * D inner channels, N state, R rank of dt, K
// convolution width, S sequences.
#include <torch/nn/modules/conv.h>

#include "core/nn/mixer_recommender.h"
#include "kernels/conv1d_silu.h"
#include "kernels/selective_scan.h"

namespace seqsweep {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

struct Mamba4RecConfig : MixerRecommenderConfig {
  int64_t state = 32, conv = 4, expand = 2;
  std::optional<int64_t> rank;

  void fields(auto&& field) {
    MixerRecommenderConfig::fields(field);
    field("state", state, "numbers in a channel's state (N)", at_least(1));
    field("conv", conv, "items that the convolution sees (K)", at_least(1));
    field("expand", expand, "inner channels are so many times the width", at_least(1));
    field("rank", rank, "of the projection to dt (R); null: width / 16, rounded up", at_least(1));
  }
};

class MambaMixer : public Mixer {
 public:
  explicit MambaMixer(const Mamba4RecConfig& config)
      : inner_(config.expand * config.width),
        rank_(config.rank.value_or((config.width + 15) / 16)),
        state_(config.state),
        in_proj_(register_module("in_proj", linear(config.width, 2 * inner_, false))),
        conv1d_(register_module(
            "conv1d", nn::Conv1d(nn::Conv1dOptions(inner_, inner_, config.conv).groups(inner_)))),
        x_proj_(register_module("x_proj", linear(inner_, rank_ + 2 * state_, false))),
        dt_proj_(register_module("dt_proj", linear(rank_, inner_, true))),
        out_proj_(register_module("out_proj", linear(inner_, config.width, false))),
        A_log_(register_parameter(
            "A_log", torch::arange(1, state_ + 1, torch::kFloat).log().repeat({inner_, 1}))),
        D_(register_parameter("D", torch::ones({inner_}))) {}

  bool causal() const override { return true; }
  bool recurrent() const override { return true; }

  Tensor forward(const Tensor& x_TD, const PackedSequences& sequences) override {
    const Halves in = project(x_TD);
    const Tensor x_TE =
        conv1d_silu(in.x_TE, conv_weight(), conv1d_->bias, sequences.offsets_S1, ConvSpan::Causal);
    return out_proj_(selective_scan(scan_inputs(x_TE, in.z_TE, sequences)));
  }

  SequenceState begin(int64_t sequences) override {
    const auto options = D_.options().requires_grad(false);
    return {torch::zeros({sequences, conv_weight().size(1) - 1, inner_}, options),
            torch::zeros({sequences, inner_, state_}, options)};
  }

  Tensor advance(const Tensor& x_TD, const PackedSequences& next, SequenceState& state) override {
    const Halves in = project(x_TD);
    const Tensor x_TE =
        conv1d_silu_from(in.x_TE, conv_weight(), conv1d_->bias, next.offsets_S1, state[0]);
    return out_proj_(selective_scan_from(scan_inputs(x_TE, in.z_TE, next), state[1]));
  }

 private:
  struct Halves {
    Tensor x_TE, z_TE;
  };

  static nn::Linear linear(int64_t in, int64_t out, bool bias) {
    return nn::Linear(nn::LinearOptions(in, out).bias(bias));
  }

  Halves project(const Tensor& x_TD) {
    const auto halves = in_proj_(x_TD).chunk(2, 1);
    return {halves[0], halves[1]};
  }

  Tensor conv_weight() const { return conv1d_->weight.squeeze(1); }  // [E, K]

  SelectiveScanInputs scan_inputs(const Tensor& x_TE, const Tensor& z_TE,
                                  const PackedSequences& sequences) {
    const auto parts = x_proj_(x_TE).split_with_sizes({rank_, state_, state_}, 1);
    return {.x_TE = x_TE,
            .dt_TE = torch::mm(parts[0], dt_proj_->weight.t()),  // The kernel adds the bias.
            .A_EN = -A_log_.exp(),
            .B_TN = parts[1],
            .C_TN = parts[2],
            .D_E = D_,
            .z_TE = z_TE,
            .dt_bias_E = dt_proj_->bias,
            .offsets_S1 = sequences.offsets_S1};
  }

  int64_t inner_, rank_, state_;
  nn::Linear in_proj_;
  nn::Conv1d conv1d_;
  nn::Linear x_proj_, dt_proj_, out_proj_;
  Tensor A_log_, D_;
};

const RegisterModel<Mamba4RecConfig> kMamba4Rec{
    "mamba4rec", "a selective state space over the history (Liu et al. 2024)", "next_item",
    make_mixer_recommender<MambaMixer, Mamba4RecConfig>};

}  // namespace

}  // namespace seqsweep
