// Where Mamba-2 and Hydra start their time steps.
#pragma once

#include <torch/types.h>

namespace seqsweep {

// The inverse softplus of dt drawn log-uniformly from [0.001, 0.1], at least 1e-4: [heads]. A
// head's memory then starts between 10 and 1000 items long (Gu & Dao 2023, appendix).
torch::Tensor draw_dt_bias(int64_t heads);

}  // namespace seqsweep
