#include "worker/device.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>
#include <torch/cuda.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "core/base/error.h"
#include "core/base/log.h"
#include "kernels/cuda_plugin.h"

namespace seqsweep {
namespace {

// This rank's number among those of its host, as the launcher tells it.
int64_t local_rank() {
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"}) {
    if (const char* value = std::getenv(name)) return std::atoll(value);
  }
  return 0;
}

// Torch asks once in a process whether there is CUDA, when it is first told a seed or to go
// backward, and never again: so it is not asked before the plug-in is there.
std::atomic<bool> plugin_is_loaded{false};

// In a container the GPUs need not be counted from 0.
bool has_driver() {
  constexpr std::array kDevices = {"/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg"};
  return std::ranges::any_of(kDevices, [](const char* path) {
    std::error_code none;
    return std::filesystem::exists(path, none);
  });
}

// From the driver, so that nothing here links CUDA.
std::string gpu_name(int64_t index) {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW);
  if (driver == nullptr) return "GPU";
  const auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  const auto get_name =
      reinterpret_cast<int (*)(char*, int, int)>(dlsym(driver, "cuDeviceGetName"));
  std::array<char, 128> name{};
  const bool known = init != nullptr && get_name != nullptr && init(0) == 0 &&
                     get_name(name.data(), name.size() - 1, static_cast<int>(index)) == 0;
  return known ? name.data() : "GPU";
}

ChosenDevice cuda_device() {
  load_cuda_plugin();
  plugin_is_loaded = true;
  const auto count = static_cast<int64_t>(torch::cuda::device_count());
  if (count == 0) throw_input("device cuda: this machine has no usable GPU; use device: cpu");
  const int64_t index = local_rank() % count;
  return {c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index)),
          fmt::format("cuda:{} {}", index, gpu_name(index))};
}

}  // namespace

ChosenDevice choose_device(DeviceChoice choice) {
  const ChosenDevice cpu{c10::Device(c10::kCPU), "cpu"};
  if (choice == DeviceChoice::Cuda) return cuda_device();
  if (choice == DeviceChoice::Cpu || !has_driver()) return cpu;
  try {
    return cuda_device();
  } catch (const Error& error) {
    log_warning("device auto: the CPU is used: {}", error.what());
    return cpu;
  }
}

ChosenDevice use_device(DeviceChoice choice) {
  ChosenDevice chosen = choose_device(choice);
  if (chosen.device.is_cuda()) c10::impl::VirtualGuardImpl(c10::kCUDA).setDevice(chosen.device);
  return chosen;
}

bool gpu_answers() {
  if (!plugin_is_loaded || !torch::cuda::is_available()) return true;
  try {
    torch::cuda::synchronize();
    return true;
  } catch (const std::exception& error) {
    log_error("the GPU does not answer: {}", error.what());
    return false;
  }
}

}  // namespace seqsweep
