// The group of ranks whose tensors are on GPUs. NCCL itself is in the CUDA plug-in
// (docs/decisions/0002-cuda-is-a-plug-in.md), which must be loaded first.
#pragma once

#include <torch/types.h>

#include <memory>

#include "core/comm/group.h"

namespace seqsweep {

// NCCL between the GPUs of the ranks of `host`, which must outlive it and carries what is in host
// memory. Null where `host` itself serves, by way of host memory: on a CPU, where two ranks share a
// GPU (NCCL cannot), or where the plug-in has no NCCL. Collective.
std::unique_ptr<Group> make_device_group(Group& host, torch::Device device);

// What the plug-in exports under this name: the new group, or null where ranks share a GPU.
using MakeNcclGroup = Group*(Group& host, int device);
constexpr const char* kMakeNcclGroup = "seqsweep_make_nccl_group";

}  // namespace seqsweep
