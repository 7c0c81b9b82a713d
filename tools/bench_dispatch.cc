// How many empty runs a second the coordinator hands out, takes back and stores: the real loop, MPI
// and SQLite, with workers that train nothing.
//   mpirun -n 3 bench_dispatch --runs 20000 --db dispatch.db
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <variant>

#include "coordinator/coordinator.h"
#include "core/base/host.h"
#include "core/base/log.h"
#include "core/comm/mpi_world.h"

namespace seqsweep {
namespace {

struct Options {
  int64_t runs = 20'000;
  std::filesystem::path database = std::filesystem::temp_directory_path() / "dispatch.db";
};

std::vector<SweepRun> empty_runs(int64_t count) {
  std::vector<SweepRun> runs;
  for (int64_t seed = 0; seed < count; ++seed) {
    SweepRun run;
    run.config.dataset = run.config.model = run.config.objective = {{"name", "empty"}};
    run.config.optimizer = run.config.batch_schedule = {{"name", "empty"}};
    run.config.seed = seed;
    run.label = fmt::format("empty/seed {}", seed);
    run.run_id = config_hash(run.config.json());
    runs.push_back(std::move(run));
  }
  return runs;
}

// Says that it is done as soon as it gets a run.
void answer(Transport& transport) {
  transport.send(0, Hello{.host = host_name(), .cores = 1, .device = "cpu", .environment = "{}"});
  for (;;) {
    const auto envelope = transport.receive(1000);
    if (!envelope) continue;
    if (std::holds_alternative<Shutdown>(envelope->message)) return;
    if (const auto* dispatch = std::get_if<Dispatch>(&envelope->message)) {
      if (dispatch->members.front() != transport.rank()) continue;
      transport.send(0, Finished{dispatch->ticket, {.epochs = 1, .device = "cpu"}});
    }
  }
}

void coordinate(Transport& transport, const Options& options) {
  for (const char* end : {"", "-wal", "-shm", ".lock"}) {
    std::filesystem::remove(options.database.string() + end);
  }
  const std::vector<SweepRun> runs = empty_runs(options.runs);
  RunStore store(options.database);
  std::vector<PlannedRun> planned;
  for (const SweepRun& run : runs) planned.push_back({run.run_id, run.config.json(), {}});
  store.add_sweep("dispatch", "", planned);
  ProgressView view(100);
  Coordinator coordinator({.sweep = "dispatch", .database = options.database}, runs, store,
                          transport, system_clock(), view);
  const int64_t start_ms = system_clock().monotonic_ms();
  coordinator.run();
  const double seconds = double(system_clock().monotonic_ms() - start_ms) / 1000;
  const int64_t done = count_runs(store.database(), "dispatch").done;
  fmt::print(
      "{} of {} empty runs on {} workers, each stored for good, in {:.2f} s: {:.0f} a second\n",
      done, runs.size(), transport.size() - 1, seconds, double(done) / seconds);
}

}  // namespace
}  // namespace seqsweep

int main(int argc, char** argv) {
  using namespace seqsweep;
  Options options;
  CLI::App app("Hands out empty runs under mpirun");
  app.add_option("--runs", options.runs, "how many [20000]")->check(CLI::PositiveNumber);
  app.add_option("--db", options.database,
                 "a database to make anew [dispatch.db in the temporary folder]");
  CLI11_PARSE(app, argc, argv);
  set_log_level(LogLevel::Warning);
  try {
    if (!started_by_mpirun()) throw_input("bench_dispatch: start it with mpirun -n 3");
    const MpiWorld world;
    const auto transport = make_mpi_transport(world);
    world.rank() == 0 ? coordinate(*transport, options) : answer(*transport);
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return error.exit_code();
  }
  return kExitDone;
}
