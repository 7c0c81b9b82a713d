// LRURec (Yue et al., WSDM 2024): the recommender of core/nn with a Linear Recurrent Unit (Orvieto
// et al. 2023) as its mixer, as the authors' code has it: y = Re(W_out h + b_out) with h_t = lambda
// h_{t-1} + gamma (W_in x_t + b_in), all complex but x and y. Complex matrices are real ones of
// twice the size here: [real parts; imaginary parts]; out_proj holds [Re W_out, -Im W_out].
// Legend: T tokens, D width, E = expand * D channels, S sequences.
#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/nn/mixer_recommender.h"
#include "kernels/checks.h"
#include "kernels/lru_scan.h"

namespace seqsweep {

namespace {

namespace nn = torch::nn;
using torch::Tensor;

struct LRURecConfig : MixerRecommenderConfig {
  int64_t expand = 2;
  double min_radius = 0.8, max_radius = 0.99;

  LRURecConfig() { layers = 2; }
  void fields(auto&& field) {
    MixerRecommenderConfig::fields(field);
    field("expand", expand, "complex channels are so many times the width", at_least(1));
    field("min_radius", min_radius, "lambda starts in a ring: |lambda| at least this",
          between(0, 1));
    field("max_radius", max_radius, "and at most this", between_below(0, 1));
  }
  static MixerRecommenderStyle style() {
    return {.single_layer_residual = true,
            .item_bias = true,
            .norm_eps = 1e-5,
            .start = StartingWeights::TruncatedNormal};
  }
};

class LruMixer : public Mixer {
 public:
  explicit LruMixer(const LRURecConfig& config)
      : channels_(config.expand * config.width),
        in_proj_(register_module("in_proj", nn::Linear(config.width, 2 * channels_))),
        out_proj_(register_module("out_proj", nn::Linear(2 * channels_, config.width))),
        logs_(register_parameter("params_log", draw_logs(config))) {}

  bool causal() const override { return true; }
  bool recurrent() const override { return true; }

  Tensor forward(const Tensor& x_TD, const PackedSequences& sequences) override {
    return out_proj_(lru_scan(scan_inputs(x_TD, sequences)));
  }

  Tensor forward_last(const Tensor& x_TD, const PackedSequences& sequences) override {
    if (at::GradMode::is_enabled()) return Mixer::forward_last(x_TD, sequences);
    return out_proj_(lru_scan_last(scan_inputs(x_TD, sequences)));
  }

  SequenceState begin(int64_t sequences) override {
    return {torch::zeros({sequences, 2 * channels_}, logs_.options().requires_grad(false))};
  }

  Tensor advance(const Tensor& x_TD, const PackedSequences& next, SequenceState& state) override {
    return out_proj_(lru_scan_from(scan_inputs(x_TD, next), state[0]));
  }

 private:
  // Uniform in the ring; gamma = sqrt(1 - |lambda|^2) keeps the states' variance that of the
  // inputs.
  static Tensor draw_logs(const LRURecConfig& config) {
    const int64_t channels = config.expand * config.width;
    const double least = config.min_radius * config.min_radius;
    const double span = config.max_radius * config.max_radius - least;
    const auto draw = [&] { return 1 - torch::rand({channels}); };  // In (0, 1]: logs are finite.
    const Tensor square_E = draw() * span + least;                  // |lambda|^2
    const Tensor nu_E = -0.5 * square_E.log();
    const Tensor theta_E = draw() * (2 * std::numbers::pi);
    return torch::stack({nu_E.log(), theta_E.log(), 0.5 * torch::log1p(-square_E)});
  }

  // gamma scales the projection's rows: they are fewer than the tokens.
  LruScanInputs scan_inputs(const Tensor& x_TD, const PackedSequences& sequences) {
    const auto parts = logs_.exp().unbind();
    const Tensor &theta_E = parts[1], &gamma_E = parts[2], radius_E = (-parts[0]).exp();
    const Tensor gammas_E2 = torch::cat({gamma_E, gamma_E});
    return {.x_TE2 = torch::nn::functional::linear(x_TD, in_proj_->weight * gammas_E2.unsqueeze(1),
                                                   in_proj_->bias * gammas_E2),
            .lambda_2E = torch::stack({radius_E * theta_E.cos(), radius_E * theta_E.sin()}),
            .offsets_S1 = sequences.offsets_S1};
  }

  int64_t channels_;
  nn::Linear in_proj_, out_proj_;
  Tensor logs_;  // [3, E], log of nu = -log |lambda|, of theta = arg lambda, and of gamma.
};

std::shared_ptr<nn::Module> make(const LRURecConfig& config, const ModelContext& context) {
  if (config.min_radius > config.max_radius || config.max_radius == 0) {
    throw_input(
        "model lrurec: max_radius must be above 0 and at least min_radius; min_radius is {}, "
        "max_radius is {}",
        config.min_radius, config.max_radius);
  }
  return make_mixer_recommender<LruMixer, LRURecConfig>(config, context);
}

const RegisterModel<LRURecConfig> kLRURec{
    "lrurec",
    "linear recurrent units over the history (Yue et al. 2024); published with adamw, lr 0.001, "
    "weight_decay 0.01",
    "next_item", make};

}  // namespace

}  // namespace seqsweep
