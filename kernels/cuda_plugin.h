// The CUDA kernels live in a plug-in, so that a CPU process never loads CUDA
// (docs/decisions/0002-cuda-is-a-plug-in.md). Loading it fills the slots of kernels/*_cuda.h.
#pragma once

#include <string_view>

#include "core/base/error.h"

namespace seqsweep {

// Loads seqsweep_cuda.so from the folder of the running executable; again: nothing. Afterwards
// LibTorch sees the machine's GPUs. Throws Error (Fault::Input) that says why it cannot be loaded.
void load_cuda_plugin();

// Calls a kernel of the plug-in through its slot.
template <typename Params>
void launch_cuda(std::string_view op, const char* (*launch)(const Params&), const Params& params) {
  if (launch == nullptr) {
    throw_run("{}: the tensors are on a GPU, but the CUDA kernels are not loaded", op);
  }
  if (const char* error = launch(params)) throw_run("{}: CUDA: {}", op, error);
}

}  // namespace seqsweep
