// seqsweep: trains sweeps of sequential recommenders and answers questions about them.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/version.h"
#include "tools/commands/commands.h"

namespace {

constexpr const char* kExamples = R"(Examples:
  seqsweep data prepare ml-100k                          fetch and prepare MovieLens-100k
  seqsweep plan experiments/quickstart.yaml              what would be trained
  mpirun -n 3 seqsweep sweep experiments/quickstart.yaml --db results.db
  seqsweep status results.db                             what is done, running, failed and why
  seqsweep dashboard results.db                          the same as a web page, live
  make_tables results.db --out tables                    the tables for the paper
  seqsweep doctor                                        what is missing on this machine

Exit codes: 0 all is done; 1 some runs failed; 2 bad command line, file or setting;
            3 disk, database or MPI failed; 130 interrupted, start again to go on.)";

// What may stand in the place of a word that was not expected: commands, or options of the command.
std::vector<std::string> expected(const CLI::App& app) {
  std::vector<std::string> names;
  const auto chosen = app.get_subcommands();
  if (!chosen.empty()) return expected(*chosen.front());
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// CLI11's own message, with the nearest name for a misspelt one.
int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  const std::vector<std::string> unknown = app.remaining(true);
  const std::string hint =
      unknown.empty() ? "" : seqsweep::did_you_mean(unknown.front(), expected(app));
  fmt::print(stderr, "seqsweep: {}{}\nTry 'seqsweep --help' or 'seqsweep COMMAND --help'.\n",
             seqsweep::printable(error.what()), hint);
  return seqsweep::kExitBadInput;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains sweeps of sequential recommenders over MPI workers; results in SQLite.",
               "seqsweep"};
  app.footer(kExamples);
  app.set_version_flag(
      "--version", fmt::format("seqsweep {} ({})", seqsweep::version(), seqsweep::git_commit()));
  app.require_subcommand(1);
  seqsweep::Action action;
  for (const auto add :
       {seqsweep::add_sweep, seqsweep::add_launch, seqsweep::add_plan, seqsweep::add_status,
        seqsweep::add_list, seqsweep::add_train, seqsweep::add_evaluate, seqsweep::add_recommend,
        seqsweep::add_data, seqsweep::add_control, seqsweep::add_query, seqsweep::add_inspect,
        seqsweep::add_export, seqsweep::add_dashboard, seqsweep::add_doctor,
        seqsweep::add_completion, seqsweep::add_manual}) {
    add(app, action);
  }
  try {
    app.parse(argc, argv);
    return action();
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  } catch (const seqsweep::Error& error) {
    fmt::print(stderr, "seqsweep: {}\n", seqsweep::printable(error.what()));
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "seqsweep: {}\n", seqsweep::printable(error.what()));
    return seqsweep::kExitWorldFailed;
  }
}
