// As cuda_runtime.h: stands in for CUDA's header of this name.
#pragma once

#include "tests/support/emulated_cuda/emulator.h"

inline void __pipeline_memcpy_async(void* to, const void* from, size_t bytes) {
  emulated_cuda::begin_copy(to, from, bytes);
}
inline void __pipeline_commit() {
  emulated_cuda::commit_copies();
}
inline void __pipeline_wait_prior(size_t groups) {
  emulated_cuda::wait_for_copies(groups);
}
