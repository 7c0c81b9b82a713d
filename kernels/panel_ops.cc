#include "kernels/panel_ops.h"

#include <vector>

#define LANES_NAMESPACE narrow
#define LANES_NAME "AVX2"
#define LANES_BYTES 32
#include "kernels/panel_ops_lanes.h"
#undef LANES_NAMESPACE
#undef LANES_NAME
#undef LANES_BYTES

#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
#define LANES_NAMESPACE wide
#define LANES_NAME "AVX-512"
#define LANES_BYTES 64
#include "kernels/panel_ops_lanes.h"
#pragma GCC pop_options
#endif

namespace seqsweep {

namespace {

std::vector<PanelOps> runnable() {
  std::vector<PanelOps> found{narrow::kOps};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    found.push_back(wide::kOps);
  }
#endif
  return found;
}

}  // namespace

std::span<const PanelOps> all_panel_ops() {
  static const std::vector<PanelOps> all = runnable();
  return all;
}

const PanelOps& panel_ops() {
  return all_panel_ops().back();
}

}  // namespace seqsweep
