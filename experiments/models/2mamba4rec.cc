// 2Mamba4Rec: Mamba4Rec's recommender (core/nn) with the Mamba-2 mixer (Dao & Gu 2024) in place of
// Mamba's.
#include "core/nn/mamba2_mixer.h"

namespace seqsweep {

namespace {

std::shared_ptr<torch::nn::Module> make(const SsdMixerConfig& config, const ModelContext& context) {
  config.check("2mamba4rec");
  return make_mixer_recommender<Mamba2Mixer>(config, context);
}

const RegisterModel<SsdMixerConfig> k2Mamba4Rec{
    "2mamba4rec", "Mamba4Rec with the Mamba-2 mixer (Dao & Gu 2024)", "next_item", make};

}  // namespace

}  // namespace seqsweep
