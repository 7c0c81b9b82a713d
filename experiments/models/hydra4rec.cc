// Hydra4Rec (the paper's section 3.3): Mamba4Rec's recommender (core/nn) with the bidirectional
// Hydra mixer (Hwang et al. 2024). A token sees those after it, so the model trains on prefixes,
// with the loss at the last item. Legend: T tokens, D width, H heads, C channels of the
// convolution.
#include "core/base/error.h"
#include "core/nn/ssd_mixer.h"
#include "kernels/ssd.h"

namespace seqsweep {

namespace {

using torch::Tensor;

struct Hydra4RecConfig : SsdMixerConfig {
  Hydra4RecConfig() { conv = 7; }
};

Tensor draw_A_log(int64_t heads) {
  return torch::zeros({heads});
}

class HydraMixer : public SsdMixer {
 public:
  explicit HydraMixer(const Hydra4RecConfig& config)
      : SsdMixer(config, {.directions = 2,
                          .delay = 1,  // Strictly before a token, and strictly after.
                          .learned_diagonal = true,
                          .span = ConvSpan::Centred,
                          .order = GateOrder::NormFirst,
                          .norm_groups = 1,
                          .draw_A_log = draw_A_log}) {}

  bool causal() const override { return false; }

  Tensor forward(const Tensor& x_TD, const PackedSequences& sequences) override {
    const Projected in = project(x_TD);
    return leave(bidirectional_ssd(inputs(convolve(in.mixed_TC, sequences), in.dt_TH, sequences)),
                 in.z_TE);
  }

 private:
  BidirectionalSsdInputs inputs(const std::vector<Tensor>& convolved, const Tensor& dt_T2H,
                                const PackedSequences& sequences) {
    const auto dt = dt_T2H.chunk(2, 1);
    return {.x_THP = in_heads(convolved[0]),
            .dt_forward_TH = dt[0],
            .dt_backward_TH = dt[1],
            .A_H = A(),
            .B_forward_TGN = in_groups(convolved[1]),
            .C_forward_TGN = in_groups(convolved[2]),
            .B_backward_TGN = in_groups(convolved[3]),
            .C_backward_TGN = in_groups(convolved[4]),
            .dt_bias_H = dt_bias_,
            .diagonal_TH = diagonal(convolved[0]),
            .offsets_S1 = sequences.offsets_S1};
  }
};

std::shared_ptr<torch::nn::Module> make(const Hydra4RecConfig& config,
                                        const ModelContext& context) {
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
