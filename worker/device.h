// Where a run computes. CUDA is a plug-in: a process that stays on the CPU never loads it.
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "core/protocol/run_config.h"

namespace seqsweep {

struct ChosenDevice {
  c10::Device device;
  std::string text;       // "cpu" or "cuda:0 NVIDIA H200"
  std::string gpu;        // Tells the GPU from all others of the machine; "": the CPU.
  int64_t gpu_bytes = 0;  // Its memory; 0: the driver does not tell.
};

// `cuda` throws Error (Fault::Input) where no GPU can be used; `auto` takes the CPU there. The
// ranks of a host take its GPUs in turn. Comes before whatever else a process does with torch.
ChosenDevice choose_device(DeviceChoice choice);

// The same, and a GPU becomes the one that this thread works on where a tensor does not say it.
ChosenDevice use_device(DeviceChoice choice);

// The memory of a device that this process holds for a run, which goes before this does. At the end
// what the process would keep of a GPU for its next tensors goes back: others share it.
class DeviceMemory {
 public:
  explicit DeviceMemory(const c10::Device& device);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // The most since the beginning: of a GPU what was taken, with what a process holds there before
  // it trains; of the CPU's memory all that the process had.
  double peak_bytes() const;

 private:
  c10::Device device_;
};

// False after a fault in a kernel: every later call of this process fails with it too. Waits for
// the device. True where there is none.
bool gpu_answers();

}  // namespace seqsweep
