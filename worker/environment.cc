#include "worker/environment.h"

#include <sys/resource.h>
#include <torch/version.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "core/base/host.h"
#include "core/base/text.h"
#include "core/base/version.h"

namespace seqsweep {
namespace {

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return std::string(trim(line.substr(line.find(':') + 1)));
  }
  return "unknown";
}

}  // namespace

Json environment(const std::string& mpi_version) {
  Json json = {{"seqsweep", version()},  {"git_commit", git_commit()}, {"compiler", __VERSION__},
               {"torch", TORCH_VERSION}, {"cpu", cpu_name()},          {"host", host_name()}};
  if (!mpi_version.empty()) json["mpi"] = mpi_version;
  return json;
}

void reset_peak_memory() {
  std::ofstream("/proc/self/clear_refs") << "5";  // proc(5): resets the peak resident set size.
}

double peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

}  // namespace seqsweep
