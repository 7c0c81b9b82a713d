#include "tools/commands/sweep_job.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <memory>
#include <set>
#include <thread>

#include "coordinator/control.h"
#include "coordinator/coordinator.h"
#include "core/base/files.h"
#include "core/base/fork_server.h"
#include "core/base/host.h"
#include "core/base/log.h"
#include "core/base/signals.h"
#include "core/base/terminal.h"
#include "core/base/text.h"
#include "core/comm/mpi_world.h"
#include "core/data/registry.h"
#include "core/train/batch_schedule.h"
#include "tools/commands/commands.h"
#include "tools/commands/places.h"
#include "tools/commands/programs.h"
#include "worker/build_run.h"
#include "worker/trainer_process.h"
#include "worker/worker.h"

namespace seqsweep {
namespace {

// Tells apart groups that are made at the same time: the leader is in one at a time.
int tag_of(const Dispatch& dispatch) {
  return static_cast<int>(dispatch.members.front() % 32768);
}

void shut_down_workers(Transport& transport) {
  for (int peer = 1; peer < transport.size(); ++peer) transport.send(peer, Shutdown{});
}

std::vector<PlannedRun> planned(const std::vector<SweepRun>& runs) {
  std::vector<PlannedRun> rows;
  for (const SweepRun& run : runs) rows.push_back({run.run_id, run.config.json(), run.needs});
  return rows;
}

// Nobody waits for workers that hang: they would keep the job from ending.
void end_silent(const std::vector<Hello>& workers) {
  for (const Hello& worker : workers) {
    if (worker.pid <= 1 || worker.pid == getpid()) continue;
    if (worker.host != host_name()) {
      log_warning("process {} on {} hangs: end it there", worker.pid, worker.host);
    } else if (::kill(static_cast<pid_t>(worker.pid), SIGKILL) == 0) {
      log_warning("process {} hung: ended", worker.pid);
    }
  }
}

void tell_end(const std::string& sweep, const StatusCounts& runs, const std::string& database) {
  const int64_t left = runs.pending + runs.running;
  log_info("{}: {} of {} runs done{}{}; {}", sweep, runs.done, runs.total(),
           runs.failed > 0 ? fmt::format(", {} failed", runs.failed) : "",
           left > 0 ? fmt::format(", {} left", left) : "",
           left > 0 ? "the same command goes on"
                    : fmt::format("`make_tables {}` prints the tables", database));
}

// This command again, for a worker on the cores and the GPU of the dead one.
std::vector<std::string> replacing_command(int64_t rank, const Hello& dead) {
  std::vector<std::string> command = own_arguments();
  const std::string gpu = "cuda:";
  const bool on_gpu = dead.device.starts_with(gpu);
  const int64_t number = on_gpu ? std::atoll(dead.device.c_str() + gpu.size()) : rank;
  command.insert(command.end(),
                 {"--replaces", std::to_string(rank),
                  std::to_string(std::max<int64_t>(dead.cores, 1)), std::to_string(number)});
  return command;
}

bool reads_a_checkpoint(const RunConfig& config) {
  return !config.model.value("path", "").empty() ||
         std::ranges::any_of(config.needs, [](const auto& need) {
           return reads_a_checkpoint(RunConfig::from_json(need.second));
         });
}

// A setting that a model or an objective refuses shows before anything is trained. Not of real
// language models, which may not fit here.
void require_models(const std::vector<SweepRun>& runs, const std::filesystem::path& data_dir) {
  std::set<std::string> built;
  for (const SweepRun& run : runs) {
    const RunConfig& config = run.config;
    const std::string parts = config.dataset.dump() + config.model.dump() + config.objective.dump();
    if (!built.insert(parts).second || reads_a_checkpoint(config)) continue;
    try {
      build_run(config, {.data_dir = data_dir}, c10::Device(c10::kCPU));
    } catch (const Error& error) {
      if (error.fault() != Fault::Input) throw;
      throw_input("{}: {}", run.label, error.what());
    }
  }
}

int coordinate(const SweepJob& job, Transport& transport) {
  set_log_who("coordinator");
  const SweepConfig sweep = read_sweep(job.document(), catalog());
  const std::vector<SweepRun> runs = runs_of(sweep);
  const std::filesystem::path data_dir = data_dir_of(job, sweep);
  RunStore store(job.database);
  forget_drains(job.database);
  DatasetSizes sizes;  // All: a mistake shows before anything is trained.
  for (const Choice& dataset : sweep.datasets) {
    sizes[dataset.spec.dump()] = prepare_dataset(dataset, data_dir);
  }
  require_models(runs, data_dir);
  store.add_sweep(sweep.name, resolved(sweep).dump(2), planned(runs));
  ProgressView view(terminal_width());
  Coordinator coordinator({.sweep = sweep.name,
                           .database = job.database,
                           .runs_folder = folder_of_runs(job.database),
                           .data_dir = data_dir,
                           .lease_s = job.lease_s,
                           .dataset_sizes = sizes,
                           .prune = sweep.prune,
                           .ranks_per_gpu = sweep.ranks_per_gpu,
                           .disk_full_wait_s = job.disk_wait_s,
                           .replacement = job.respawn ? replacing_command : nullptr,
                           .stop_requested = stop_requested},
                          runs, store, transport, system_clock(), view);
  try {
    const int code = coordinator.run();
    end_silent(coordinator.silent_workers());
    tell_end(sweep.name, count_runs(store.database(), sweep.name), job.database);
    return code;
  } catch (...) {
    end_silent(coordinator.silent_workers());
    throw;
  }
}

// Whatever ends the coordinator, the workers are told to leave.
int coordinate_and_release(const SweepJob& job, Transport& transport) {
  try {
    return coordinate(job, transport);
  } catch (...) {
    shut_down_workers(transport);
    throw;
  }
}

int run_in_one_process(const SweepJob& job, ForkServer& trainers) {
  auto [coordinator_end, worker_end] = make_local_transport();
  std::exception_ptr worker_error;
  std::thread worker([&, transport = std::move(worker_end)] {
    try {
      run_worker(*transport, [](const Dispatch&) { return make_local_group(); },
                 {.lease_s = job.lease_s, .trainers = &trainers});
    } catch (...) {
      worker_error = std::current_exception();
      request_stop();
    }
  });
  std::exception_ptr coordinator_error;
  int code = kExitDone;
  try {
    code = coordinate_and_release(job, *coordinator_end);
  } catch (...) {
    coordinator_error = std::current_exception();
  }
  worker.join();
  if (coordinator_error) std::rethrow_exception(coordinator_error);
  if (worker_error) std::rethrow_exception(worker_error);
  return code;
}

int run_rank(const SweepJob& job, const MpiWorld& world, ForkServer& trainers) {
  const auto transport = make_mpi_transport(world);
  if (world.rank() == 0) return coordinate_and_release(job, *transport);
  set_log_who(fmt::format("rank {}", world.rank()));
  return run_worker(*transport,
                    [&](const Dispatch& dispatch) {
                      return make_mpi_group(world, dispatch.members, tag_of(dispatch));
                    },
                    {.threads = world.cores(),
                     .mpi_version = world.version(),
                     .lease_s = job.lease_s,
                     .trainers = &trainers});
}

std::unique_ptr<MpiWorld> make_world(const SweepJob& job) {
  if (job.replaces.empty()) return std::make_unique<MpiWorld>(/*replaces=*/job.respawn);
  return std::make_unique<MpiWorld>(
      Replacement{.rank = static_cast<int>(job.replaces.at(0)), .cores = job.replaces.at(1)});
}

}  // namespace

SweepEnd run_sweep(const SweepJob& job) {
  install_stop_signals();
  if (!job.replaces.empty()) {
    // It decides on the GPU, also of the trainers; the launcher counts processes that another one
    // started from 0 again.
    ::setenv("OMPI_COMM_WORLD_LOCAL_RANK", std::to_string(job.replaces.at(2)).c_str(), 1);
  }
  ForkServer trainers("seqsweep-train", run_trainer);  // Before there are threads, MPI and CUDA.
  if (job.replaces.empty() && !started_by_mpirun()) {
    if (job.respawn) log_warning("--respawn: without mpirun there is nobody to start anew");
    return {run_in_one_process(job, trainers), true};
  }
  const std::unique_ptr<MpiWorld> made = make_world(job);
  const MpiWorld& world = *made;
  stop_with_parent();
  if (world.size() == 1) return {run_in_one_process(job, trainers), true};
  if (job.respawn && world.rank() == 0 && !world.can_replace()) {
    log_warning(
        "--respawn: this MPI does not tell of workers that die, so none is started anew; "
        "use Open MPI 5 with `mpirun --with-ft ulfm`, as `seqsweep launch` does");
  }
  int code = kExitWorldFailed;
  try {
    code = run_rank(job, world, trainers);
  } catch (const Error& error) {
    if (!world.is_broken()) throw;
    log_error("{}", error.what());
    code = error.exit_code();
  }
  world.leave_if_broken(code);
  return {code, world.rank() == 0};
}

Value read_sweep_file(const std::string& path, const std::vector<std::string>& overrides) {
  Value document = parse_yaml_file(path);
  for (const std::string& assignment : overrides) apply_override(document, assignment);
  return document;
}

// A sweep file may come from anyone. Where it leads out of the working folder, it may: data sets
// lie in many places. But not silently.
void tell_outside(const std::string& what, const Json& path) {
  if (!path.is_string() || !leaves_working_folder(path.get<std::string>())) return;
  log_warning("{} '{}' of the sweep file leads out of the working folder, to {}", what,
              path.get<std::string>(),
              std::filesystem::weakly_canonical(path.get<std::string>()).string());
}

std::filesystem::path data_dir_of(const SweepJob& job, const SweepConfig& sweep) {
  if (job.data_dir.empty() && sweep.data_dir) tell_outside("data_dir", *sweep.data_dir);
  return data_dir_or_default(job.data_dir.empty() ? sweep.data_dir.value_or("") : job.data_dir);
}

std::vector<SweepRun> runs_of(const SweepConfig& sweep) {
  std::vector<SweepRun> runs = expand(sweep);
  std::set<std::string> made;
  for (const SweepRun& run : runs) {
    const Json& schedule = run.config.batch_schedule;
    const BatchScheduleContext context{.batch_size = run.config.train.batch_size,
                                       .microbatches = run.config.train.microbatches};
    const bool is_new = made.insert(fmt::format("{} {} {}", schedule.dump(), context.batch_size,
                                                context.microbatches))
                            .second;
    try {
      if (is_new) batch_schedules().make(schedule, context);
    } catch (const Error& error) {
      throw_input("{}: {}", run.label, error.what());
    }
  }
  return runs;
}

DatasetSize prepare_dataset(const Choice& dataset, const std::filesystem::path& data_dir) {
  tell_outside(dataset.label + ": path", dataset.spec.value("path", Json()));
  const auto data = datasets().make(dataset.spec, DatasetContext{data_dir});
  log_info("{}: {} users, {} items, {} interactions", dataset.label, human_count(data->users()),
           human_count(data->items()), human_count(data->interactions()));
  return {.users = data->users(), .interactions = data->interactions()};
}

}  // namespace seqsweep
