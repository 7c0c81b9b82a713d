// Each prints rows of the table: operator, ours and ATen eager in ms, times faster.
#pragma once

namespace seqsweep {

void bench_catalogue_kernels(int rounds);
void bench_attention_kernels(int rounds);
void bench_state_space_kernels(int rounds);
// Rows of the table of extra memory: ours and ATen eager in MB, times less.
void bench_catalogue_memory();

}  // namespace seqsweep
