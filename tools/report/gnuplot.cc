#include "tools/report/gnuplot.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/base/error.h"
#include "core/base/files.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "seqsweep-figure-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw_world("{}: no folder can be made", name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// How gnuplot ended (waitpid's status); nothing when there is none to start. It runs in the folder,
// what it says is in output.txt there.
std::optional<int> run_gnuplot(const fs::path& folder, std::vector<std::string> arguments) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "output.txt",
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  arguments.insert(arguments.begin(), "gnuplot");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, "gnuplot", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return std::nullopt;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Cairo writes the time into every PDF; offsets stay, so the digits are changed in their places.
void fix_date(std::string& pdf) {
  constexpr std::string_view kKey = "/CreationDate (D:";
  const size_t at = pdf.find(kKey);
  if (at == std::string::npos) return;
  const std::string_view epoch = "19700101000000";
  for (size_t i = 0; i < epoch.size(); ++i) {
    char& c = pdf[at + kKey.size() + i];
    if (!std::isdigit(static_cast<unsigned char>(c))) return;
    c = epoch[i];
  }
}

}  // namespace

bool gnuplot_installed() {
  const TemporaryFolder folder;
  return run_gnuplot(folder.path(), {"--version"}) == 0;
}

Drawing draw(const std::string& slug, const std::string& script) {
  const TemporaryFolder folder;
  const std::string name = slug + ".gp";
  write_file_atomic(folder.path() / name, script);
  // -d: the user's own settings would change the figure.
  const std::optional<int> status = run_gnuplot(folder.path(), {"-d", name});
  const fs::path svg = folder.path() / (slug + ".svg"), pdf = folder.path() / (slug + ".pdf");
  if (status != 0 || !fs::exists(svg) || !fs::exists(pdf)) {
    const fs::path output = folder.path() / "output.txt";
    const std::string said = fs::exists(output) ? read_file(output) : "";
    throw_world("gnuplot did not draw {} (status {}); it said: {}", name, status.value_or(-1),
                said.empty() ? "nothing" : said);
  }
  Drawing drawing{read_file(svg), read_file(pdf)};
  fix_date(drawing.pdf);
  return drawing;
}

}  // namespace seqsweep
