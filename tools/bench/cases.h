// Each prints rows of the table of times, one a case.
#pragma once

#include "tools/bench/bench.h"

namespace seqsweep {

void bench_catalogue_kernels(Bench& bench);
void bench_attention_kernels(Bench& bench);
void bench_state_space_kernels(Bench& bench);
void bench_recurrent_kernels(Bench& bench);
void bench_optimizer_kernels(Bench& bench);
void bench_weight_kernels(Bench& bench);
// Rows of the table of extra memory: ours and ATen eager in MB, times less.
void bench_catalogue_memory(Bench& bench);

}  // namespace seqsweep
