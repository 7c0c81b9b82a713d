// seqsweep launch: `mpirun seqsweep sweep ...` with the flags that one machine needs, Ctrl-C and
// SIGTERM turned into a drain (docs/decisions/0003-interrupting.md), and the exit code of the
// sweep.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/base/log.h"
#include "core/base/signals.h"
#include "db/queries.h"
#include "tools/commands/commands.h"
#include "tools/commands/programs.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

struct LaunchOptions {
  int ranks = 2;
  std::vector<std::string> sweep;  // What follows: FILE --db DB key=value ...
};

// Open MPI from 5 on has ULFM: a job goes on when one of its ranks dies.
bool survives_deaths(const std::string& mpirun) {
  const std::string text = output_of(quoted(mpirun) + " --version").value_or("");
  const std::string before = "(Open MPI) ";
  const size_t at = text.find(before);
  return at != std::string::npos && std::atoi(text.c_str() + at + before.size()) >= 5;
}

void set_environment() {
  ::setenv("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe", 0);
  ::setenv("PRTE_MCA_hwloc_default_binding_policy", "none", 0);
  if (::geteuid() != 0) return;
  for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
                           "PRTE_ALLOW_RUN_AS_ROOT", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM"}) {
    ::setenv(name, "1", 1);
  }
}

// Starts mpirun in a process group of its own, so that a Ctrl-C of the terminal reaches only us.
// However we end, it does not stay behind: its ranks get the SIGTERM and checkpoint.
pid_t start(const std::string& mpirun, const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  std::string program = mpirun;
  argv.push_back(program.data());
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t self = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw_world("launch: cannot fork: {}", std::strerror(errno));
  if (child == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != self) ::_exit(kExitInterrupted);
    remove_left_session(::getpid());
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
  }
  return child;
}

// What follows --db; "": the sweep will say that it is missing.
std::string database_of(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--db" && i + 1 < arguments.size()) return arguments[i + 1];
    if (arguments[i].starts_with("--db=")) return arguments[i].substr(5);
  }
  return "";
}

// As an override or the file says; "": they do not.
std::string sweep_of(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::error_code ignored;
    if (arguments[i].starts_with("name=")) return arguments[i].substr(5);
    if (arguments[i] == "--db") ++i;
    if (i >= arguments.size() || !fs::is_regular_file(arguments[i], ignored)) continue;
    const Value document = parse_yaml_file(arguments[i]);
    const Value* name = document.is_map() ? document.find("name") : nullptr;
    return name && name->is_scalar() ? name->text() : "";
  }
  return "";
}

// mpirun's code may be that of a rank that died while the sweep went on without it.
int code_of_sweep(int mpirun_code, const std::vector<std::string>& arguments) {
  for (const int code :
       {kExitDone, kExitSomeRunsFailed, kExitBadInput, kExitWorldFailed, kExitInterrupted}) {
    if (mpirun_code == code) return code;
  }
  const std::string database = database_of(arguments);
  std::error_code ignored;
  if (!fs::exists(database, ignored)) return kExitWorldFailed;
  Database opened = Database::open_for_reading(database);
  const StatusCounts counts = count_runs(opened, sweep_of(arguments));
  if (counts.pending + counts.running > 0) {
    return stop_requested() ? kExitInterrupted : kExitWorldFailed;
  }
  return counts.failed > 0 ? kExitSomeRunsFailed : kExitDone;
}

int wait_and_drain(pid_t child) {
  bool drained = false;
  int status = 0;
  while (true) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) break;
    if (ended < 0 && errno != EINTR) throw_world("launch: lost mpirun: {}", std::strerror(errno));
    if (stop_requested() && !drained) {
      drained = true;
      log_info("draining: every run checkpoints at its next step (again: end at once)");
      ::kill(child, SIGUSR1);
    }
    ::usleep(50'000);
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  log_error("mpirun was killed by signal {}; start again to go on", WTERMSIG(status));
  return kExitWorldFailed;
}

int launch(const LaunchOptions& options) {
  const std::string mpirun = find_mpirun();
  if (mpirun.empty()) {
    throw_input("launch: no mpirun on PATH; run tools/setup.sh, or set SEQSWEEP_MPIRUN to yours");
  }
  if (database_of(options.sweep).empty()) {
    throw_input("launch: --db is required: the results database, made when it is missing");
  }
  set_environment();
  std::vector<std::string> arguments = {"-n", std::to_string(options.ranks)};
  if (survives_deaths(mpirun)) arguments.insert(arguments.end(), {"--with-ft", "ulfm"});
  arguments.insert(arguments.end(), {own_path().string(), "sweep"});
  arguments.insert(arguments.end(), options.sweep.begin(), options.sweep.end());
  install_stop_signals();
  const int code = wait_and_drain(start(mpirun, arguments));
  if (code == 127) throw_world("launch: {} could not be started", mpirun);
  return code_of_sweep(code, options.sweep);
}

}  // namespace

void add_launch(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("launch", "Start a sweep under mpirun; Ctrl-C checkpoints");
  auto options = std::make_shared<LaunchOptions>();
  command->add_option("-n,--ranks", options->ranks, "processes: one coordinates, the others train")
      ->required()
      ->check(CLI::Range(1, 100'000));
  // From the first argument that is not ours on, all of them are sweep's, in their order.
  command->prefix_command();
  command->footer(
      "What follows is what `seqsweep sweep` takes: FILE --db DB [key=value ...]\n\n"
      "Example:\n  seqsweep launch -n 3 experiments/quickstart.yaml --db results.db "
      "train.epochs=5");
  command->callback([&action, options, command] {
    options->sweep = command->remaining();
    if (options->sweep.empty()) {
      throw_input("launch: needs a sweep file, as in `seqsweep launch -n 3 FILE --db DB`");
    }
    action = [options] { return launch(*options); };
  });
}

}  // namespace seqsweep
