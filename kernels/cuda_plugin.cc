#include "kernels/cuda_plugin.h"

#include <dlfcn.h>

#include <filesystem>

namespace seqsweep {

void load_cuda_plugin() {
  static void* plugin = nullptr;
  if (plugin != nullptr) return;
  const auto path =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "seqsweep_cuda.so";
  plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (plugin != nullptr) return;
  const char* reason = dlerror();
  throw_input(
      "device cuda: the CUDA kernels cannot be loaded ({}); build with -DSEQSWEEP_CUDA=ON where "
      "nvcc "
      "and a CUDA LibTorch are found, or use device: cpu",
      reason != nullptr ? reason : "no reason given");
}

}  // namespace seqsweep
