#include "core/base/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace seqsweep {
namespace {

constexpr size_t kUsualWidth = 100;

size_t width_of(int descriptor) {
  if (::isatty(descriptor) != 1) return 0;
  winsize size{};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualWidth;
}

bool is_launcher(pid_t process) {
  constexpr const char* kLaunchers[] = {"mpirun", "mpiexec", "prterun", "orterun"};
  std::string name;
  std::getline(std::ifstream(fmt::format("/proc/{}/comm", process)), name);
  return std::ranges::find(kLaunchers, name) != std::end(kLaunchers);
}

}  // namespace

size_t terminal_width() {
  if (const size_t own = width_of(STDERR_FILENO)) return own;
  const pid_t parent = ::getppid();
  if (!is_launcher(parent)) return 0;
  const int descriptor =
      ::open(fmt::format("/proc/{}/fd/2", parent).c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  const size_t width = width_of(descriptor);
  ::close(descriptor);
  return width;
}

}  // namespace seqsweep
