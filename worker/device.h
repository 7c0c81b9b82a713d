// Where a run computes. CUDA is a plug-in: a process that stays on the CPU never loads it.
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "core/protocol/run_config.h"

namespace seqsweep {

struct ChosenDevice {
  c10::Device device;
  std::string text;  // "cpu" or "cuda:0 NVIDIA H200"
};

// `cuda` throws Error (Fault::Input) where no GPU can be used; `auto` takes the CPU there. The
// ranks of a host take its GPUs in turn. Comes before whatever else a process does with torch.
ChosenDevice choose_device(DeviceChoice choice);

// The same, and a GPU becomes the one that this thread works on where a tensor does not say it.
ChosenDevice use_device(DeviceChoice choice);

// False after a fault in a kernel: every later call of this process fails with it too. Waits for
// the device. True where there is none.
bool gpu_answers();

}  // namespace seqsweep
