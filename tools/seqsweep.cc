// seqsweep: trains sweeps of sequential recommenders and answers questions about them.
#include <CLI/CLI.hpp>

#include "tools/commands/commands.h"
#include "tools/program.h"

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

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains sweeps of sequential recommenders over MPI workers; results in SQLite.",
               "seqsweep"};
  app.footer(kExamples);
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
  return seqsweep::run_program(app, argc, argv, [&] { return action(); });
}
