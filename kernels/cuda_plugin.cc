#include "kernels/cuda_plugin.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>

#include <filesystem>

namespace seqsweep {

void load_cuda_plugin() {
  static void* plugin = nullptr;
  if (plugin == nullptr) {
    const auto path =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "seqsweep_cuda.so";
    plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  }
  if (plugin == nullptr) {
    const char* reason = dlerror();
    throw_input(
        "device cuda: the CUDA kernels cannot be loaded ({}); build with -DSEQSWEEP_CUDA=ON where "
        "nvcc and a CUDA LibTorch are found, or use device: cpu",
        reason != nullptr ? reason : "no reason given");
  }
  // Torch looks for CUDA once, at the first seed or backward of a process.
  if (at::detail::getCUDAHooks().hasCUDART()) return;
  throw_input(
      "device cuda: torch was used before the CUDA kernels were loaded, and sees no GPU in this "
      "process any more; start it anew, or use device: cpu");
}

}  // namespace seqsweep
