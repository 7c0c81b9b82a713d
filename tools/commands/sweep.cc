// seqsweep sweep: all runs of a sweep file, under mpirun or alone.
#include "tools/commands/commands.h"
#include "tools/commands/sweep_job.h"

namespace seqsweep {
namespace {

struct SweepOptions {
  std::string file, database, data_dir;
  std::vector<std::string> overrides;
  double lease_s = SweepJob{}.lease_s, disk_wait_s = SweepJob{}.disk_wait_s;
  bool respawn = false;
  std::vector<int64_t> replaces;
};

int sweep(const SweepOptions& options) {
  const SweepJob job{[&] { return read_sweep_file(options.file, options.overrides); },
                     options.database,
                     options.data_dir,
                     options.lease_s,
                     options.disk_wait_s,
                     options.respawn,
                     options.replaces};
  return run_sweep(job).code;
}

}  // namespace

void add_sweep(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("sweep", "Train every run of a sweep file; started again, go on");
  auto options = std::make_shared<SweepOptions>();
  command->add_option("FILE", options->file, "sweep file (YAML)")->required();
  command->add_option("OVERRIDES", options->overrides, "key=value, as in train.epochs=5");
  command->add_option("--db", options->database, "results database; made when missing")->required();
  command->add_option("--data-dir", options->data_dir,
                      "raw and cached data sets [SEQSWEEP_DATA or data]");
  command
      ->add_option("--lease", options->lease_s,
                   "seconds without progress after which a worker is given up [600]")
      ->check(above_0());
  command
      ->add_option("--disk-wait", options->disk_wait_s,
                   "seconds to wait for room on a full disk before the sweep ends [3600]")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--respawn", options->respawn,
                    "start workers that die anew, for runs on one rank (Open MPI 5 with ULFM)");
  command->add_option("--replaces", options->replaces, "of such a worker: rank, cores, local rank")
      ->expected(3)
      ->group("");
  command->footer(
      "Rank 0 coordinates, the other ranks train. Without mpirun one process does both.\n"
      "SIGUSR1 to mpirun (or Ctrl-C without it) checkpoints every run; start again to go on.\n\n"
      "Examples:\n"
      "  mpirun -n 3 seqsweep sweep experiments/quickstart.yaml --db results.db\n"
      "  seqsweep sweep my.yaml --db results.db seeds=[1,2,3] train.epochs=5");
  command->callback([&action, options] { action = [options] { return sweep(*options); }; });
}

}  // namespace seqsweep
