#include "worker/device.h"

#include <c10/core/CachingDeviceAllocator.h>
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
#include "worker/environment.h"

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

// What the driver tells of a GPU, so that nothing here links CUDA, and without a context on it: a
// worker that only waits holds no memory there.
class Driver {
 public:
  Driver() : library_(dlopen("libcuda.so.1", RTLD_NOW)) {
    const auto init = find<int(unsigned)>("cuInit");
    if (init == nullptr || init(0) != 0) library_ = nullptr;
  }

  std::string name(int index) const {
    const auto get = find<int(char*, int, int)>("cuDeviceGetName");
    std::array<char, 128> name{};
    const bool known = get != nullptr && get(name.data(), name.size() - 1, index) == 0;
    return known ? name.data() : "GPU";
  }

  // Also where each rank counts its own GPU as the first.
  std::string id(int index) const {
    auto get = find<int(unsigned char*, int)>("cuDeviceGetUuid_v2");
    if (get == nullptr) get = find<int(unsigned char*, int)>("cuDeviceGetUuid");
    std::array<unsigned char, 16> id{};
    if (get == nullptr || get(id.data(), index) != 0) return std::to_string(index);
    std::string text;
    for (const unsigned char byte : id) text += fmt::format("{:02x}", byte);
    return text;
  }

  int64_t bytes(int index) const {
    const auto get = find<int(size_t*, int)>("cuDeviceTotalMem_v2");
    size_t bytes = 0;
    return get != nullptr && get(&bytes, index) == 0 ? static_cast<int64_t>(bytes) : 0;
  }

 private:
  template <typename Function>
  Function* find(const char* name) const {
    return library_ == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(library_, name));
  }
  void* library_;
};

ChosenDevice cuda_device() {
  load_cuda_plugin();
  plugin_is_loaded = true;
  const auto count = static_cast<int64_t>(torch::cuda::device_count());
  if (count == 0) throw_input("device cuda: this machine has no usable GPU; use device: cpu");
  const auto index = static_cast<int>(local_rank() % count);
  const Driver driver;
  return {c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index)),
          fmt::format("cuda:{} {}", index, driver.name(index)), driver.id(index),
          driver.bytes(index)};
}

// Nothing before the first tensor on a GPU.
c10::DeviceAllocator* allocator_of(const c10::Device& device) {
  if (!device.is_cuda()) return nullptr;
  c10::DeviceAllocator* allocator = c10::getDeviceAllocator(device.type());
  return allocator->initialized() ? allocator : nullptr;
}

}  // namespace

ChosenDevice choose_device(DeviceChoice choice) {
  const ChosenDevice cpu{.device = c10::Device(c10::kCPU), .text = "cpu", .gpu = ""};
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

DeviceMemory::DeviceMemory(const c10::Device& device) : device_(device) {
  reset_peak_memory();
  if (auto* allocator = allocator_of(device)) allocator->resetPeakStats(device.index());
}

DeviceMemory::~DeviceMemory() {
  try {
    if (auto* allocator = allocator_of(device_)) allocator->emptyCache();
  } catch (const std::exception& error) {  // After a fault in a kernel all calls fail.
    log_warning("{}: its memory is not given back: {}", device_.str(), error.what());
  }
}

double DeviceMemory::peak_bytes() const {
  // A context and the kernels. An assumption: only the driver's tools tell it of one process.
  constexpr double kContextBytes = 600e6;
  if (!device_.is_cuda()) return peak_memory_bytes();
  auto* allocator = allocator_of(device_);
  if (allocator == nullptr) return kContextBytes;
  constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto stats = allocator->getDeviceStats(device_.index());
  return kContextBytes + static_cast<double>(stats.reserved_bytes[kAll].peak);
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
