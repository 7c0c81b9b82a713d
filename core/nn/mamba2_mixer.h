// The Mamba-2 mixer (Dao & Gu 2024). Legend: T tokens, D width, S sequences.
#pragma once

#include "core/nn/ssd_mixer.h"
#include "kernels/ssd.h"

namespace seqsweep {

class Mamba2Mixer : public SsdMixer {
 public:
  explicit Mamba2Mixer(const SsdMixerConfig& config);

  bool causal() const override { return true; }
  torch::Tensor forward(const torch::Tensor& x_TD, const PackedSequences& sequences) override;

  bool recurrent() const override { return true; }
  SequenceState begin(int64_t sequences) override;
  torch::Tensor advance(const torch::Tensor& x_TD, const PackedSequences& next,
                        SequenceState& state) override;

 private:
  SsdInputs inputs(const std::vector<torch::Tensor>& convolved, const torch::Tensor& dt_TH,
                   const PackedSequences& sequences) const;
};

}  // namespace seqsweep
