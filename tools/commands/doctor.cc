// seqsweep doctor: what it needs on this machine, what is found, and how to get what is missing.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "core/base/text.h"
#include "core/base/version.h"
#include "db/database.h"
#include "kernels/cuda_plugin.h"
#include "tools/commands/commands.h"
#include "tools/commands/programs.h"
#include "worker/environment.h"

namespace seqsweep {
namespace {

namespace fs = std::filesystem;

// Optional: missing, and one can do without. InTheWay: there, and should not be.
enum class State { Found, Optional, InTheWay, Missing };

struct Finding {
  std::string name;
  State state;
  std::string what;  // Version or place; why it is missing.
  std::string how;   // To get it; "" when found.
};

struct DoctorOptions {
  std::string database;
  bool json = false;
};

void check_mpi_programs(std::vector<Finding>& findings) {
  const std::string mpirun = find_mpirun();
  const std::string how = "tools/setup.sh installs Open MPI 5 with ULFM into .venv";
  if (mpirun.empty()) {
    findings.push_back(
        {"MPI", State::Optional, "no mpirun on PATH: sweeps run in one process", how});
    return;
  }
  const auto version = output_of(quoted(mpirun) + " --version");
  findings.push_back({"MPI", version ? State::Found : State::Missing,
                      version ? *version + " (" + mpirun + ")" : mpirun + " does not start",
                      version ? "" : how});
  const fs::path info = fs::path(mpirun).parent_path() / "ompi_info";
  const auto said = output_of(quoted(info.string()), true);
  const bool ulfm = said && said->find("FT MPI support: yes") != std::string::npos;
  findings.push_back(
      {"ULFM", ulfm ? State::Found : State::Optional,
       ulfm ? "built in: a run on several ranks can outlive one of them"
            : "this MPI has none: a rank that dies ends the job, the next start resumes it",
       ulfm ? "" : how});
}

void check_left_sessions(std::vector<Finding>& findings) {
  const int left = count_left_sessions();
  if (left == 0) return;
  const fs::path temporary = fs::temp_directory_path();
  findings.push_back(
      {"MPI sessions", State::InTheWay,
       fmt::format("{} folders of killed mpiruns in {}: an mpirun with the process "
                   "id of one of them does not start",
                   left, temporary.string()),
       "remove them: rm -r " + (temporary / "ompi.*").string() + " while no mpirun is running"});
}

void check_gpu(std::vector<Finding>& findings) {
  const auto gpus = output_of("nvidia-smi --query-gpu=name --format=csv,noheader");
  findings.push_back({"GPU", gpus ? State::Found : State::Optional,
                      gpus ? *gpus : "nvidia-smi finds none: runs train on the CPU",
                      gpus ? "" : "a machine with an NVIDIA GPU and its driver"});
  try {
    load_cuda_plugin();
    findings.push_back({"CUDA kernels", State::Found, "seqsweep_cuda.so is loaded", ""});
  } catch (const Error& error) {
    findings.push_back({"CUDA kernels", State::Optional, error.what(),
                        "build where nvcc is found: cmake --preset cuda"});
    return;
  }
  const bool nccl = output_of("ldd $(dirname $(readlink /proc/$PPID/exe))/seqsweep_cuda.so", true)
                        .value_or("")
                        .find("nccl") != std::string::npos;
  findings.push_back({"NCCL", nccl ? State::Found : State::Optional,
                      nccl ? "linked into the CUDA kernels"
                           : "not linked: ranks on GPUs exchange gradients through MPI",
                      nccl ? "" : "the LibTorch wheel of tools/setup.sh brings it"});
}

std::string file_system_of(const fs::path& folder) {
  const auto type = output_of("stat -f -c %T -- " + quoted(folder.string()));
  return type.value_or("unknown");
}

void check_disk(const std::string& database, std::vector<Finding>& findings) {
  const fs::path path = database.empty() ? fs::path("results.db") : fs::path(database);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code failed;
  const fs::space_info space = fs::space(folder, failed);
  const bool room = !failed && space.available > 1'000'000'000;
  findings.push_back({"Disk", room ? State::Found : State::Missing,
                      failed ? folder.string() + ": " + failed.message()
                             : human_bytes(space.available) + " free in " + folder.string(),
                      room ? "" : "make room: checkpoints and results need some GB"});
  const bool local = journal_for(path) == Journal::Wal;
  findings.push_back({"File system", State::Found,
                      file_system_of(folder) + (local ? ": local, the database uses WAL"
                                                      : ": of a network, the database uses no WAL"),
                      ""});
  if (database.empty() || !fs::exists(path, failed)) return;
  try {
    Database::open_for_reading(path);
    findings.push_back({"Database", State::Found, database + " can be read", ""});
  } catch (const Error& error) {
    findings.push_back({"Database", State::Missing, error.what(), "give another path"});
  }
}

std::vector<Finding> examine(const std::string& database) {
  const Json versions = environment("");
  std::vector<Finding> findings = {
      {"seqsweep", State::Found, fmt::format("{} ({})", version(), git_commit()), ""},
      {"LibTorch", State::Found, versions.at("torch").get<std::string>(), ""},
      {"SQLite", State::Found, sqlite_version(), ""}};
  check_mpi_programs(findings);
  check_left_sessions(findings);
  check_gpu(findings);
  check_disk(database, findings);
  const auto gnuplot = output_of("gnuplot --version");
  findings.push_back({"gnuplot", gnuplot ? State::Found : State::Optional,
                      gnuplot ? *gnuplot : "missing: make_tables draws no figures",
                      gnuplot ? "" : "apt-get install gnuplot-nox"});
  return findings;
}

bool colours() {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) == 1 && (!no_colour || !*no_colour);
}

void print_finding(const Finding& finding) {
  constexpr const char* kWords[] = {"found", "none", "left", "MISSING"};
  constexpr int kColours[] = {32, 33, 33, 31};
  const auto state = static_cast<size_t>(finding.state);
  std::string word = fmt::format("{:<8}", kWords[state]);
  if (colours()) word = fmt::format("\033[{}m{}\033[0m", kColours[state], word);
  fmt::print("{:<14}{}{}\n", finding.name, word, printable(finding.what));
  if (!finding.how.empty()) fmt::print("{:<22}-> {}\n", "", printable(finding.how));
}

int doctor(const DoctorOptions& options) {
  const std::vector<Finding> findings = examine(options.database);
  Json json = Json::array();
  bool missing = false;
  for (const Finding& finding : findings) {
    constexpr const char* kWords[] = {"found", "optional", "left", "missing"};
    missing |= finding.state == State::Missing;
    json.push_back({{"name", finding.name},
                    {"state", kWords[static_cast<size_t>(finding.state)]},
                    {"what", printable(finding.what)},
                    {"how", finding.how}});
    if (!options.json) print_finding(finding);
  }
  if (options.json) fmt::print("{}\n", json.dump(2));
  return missing ? kExitWorldFailed : kExitDone;
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("doctor", "What is found on this machine, and how to get what is missing");
  auto options = std::make_shared<DoctorOptions>();
  command->add_option("DB", options->database, "a results database, or where one shall be");
  command->add_flag("--json", options->json, "JSON instead of text");
  command->footer(
      "'none' is what one can do without, 'left' what may get in the way.\n"
      "Exit codes: 0; 3 when something needed is missing.\n\n"
      "Examples:\n  seqsweep doctor\n  seqsweep doctor /scratch/results.db --json");
  command->callback([&action, options] { action = [options] { return doctor(*options); }; });
}

}  // namespace seqsweep
