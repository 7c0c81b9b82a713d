#include "core/comm/device_group.h"

#include <dlfcn.h>

#include "core/base/log.h"

namespace seqsweep {

std::unique_ptr<Group> make_device_group(Group& host, torch::Device device) {
  if (host.size() == 1 || host.any(!device.is_cuda())) return nullptr;
  auto* make = reinterpret_cast<MakeNcclGroup*>(dlsym(RTLD_DEFAULT, kMakeNcclGroup));
  std::unique_ptr<Group> group;
  if (!host.any(make == nullptr)) group.reset(make(host, device.index()));
  if (group == nullptr && host.rank() == 0) {
    log_info("gradients go through host memory: {}",
             make ? "ranks share a GPU" : "this build has no NCCL");
  }
  return group;
}

}  // namespace seqsweep
