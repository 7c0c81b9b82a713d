#include "worker/worker.h"

#include <c10/util/Exception.h>
#include <unistd.h>

#include <csignal>
#include <new>
#include <optional>
#include <thread>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/host.h"
#include "core/base/log.h"
#include "core/protocol/stack_file.h"
#include "worker/attempt_mark.h"
#include "worker/device.h"
#include "worker/environment.h"
#include "worker/execute.h"
#include "worker/hang_watch.h"
#include "worker/inbox.h"
#include "worker/trainer_relay.h"

namespace seqsweep {
namespace {

constexpr int64_t kProgressEvery_ms = 250;
constexpr int64_t kIdle_ms = 100;  // Between looks at the stop flag and the parent.
constexpr int64_t kMarkLook_ms = 1000;
constexpr double kStackAt = 0.75;  // Of the lease: the stack is there before the run is given up.

// Progress of one run, gathered and sent a few times a second by the group's first member.
class RunReporter : public Reporter {
 public:
  RunReporter(Transport& transport, Inbox& inbox, const WorkerSettings& settings,
              const Dispatch& dispatch)
      : transport_(transport),
        inbox_(inbox),
        settings_(settings),
        ticket_(dispatch.ticket),
        leads_(dispatch.members.front() == transport.rank()),
        in_group_of_one_(dispatch.members.size() == 1),
        hang_watch_(stack_file(dispatch.folder, transport.rank()), kStackAt * settings.lease_s) {}

  void progress(Progress progress) override {
    hang_watch_.got_on();
    if (!leads_) return;
    const bool new_phase = progress.phase != gathered_.phase;
    gathered_.steps.insert(gathered_.steps.end(), progress.steps.begin(), progress.steps.end());
    gathered_.metrics.insert(gathered_.metrics.end(), progress.metrics.begin(),
                             progress.metrics.end());
    progress.ticket = ticket_;
    progress.steps.swap(gathered_.steps);
    progress.metrics.swap(gathered_.metrics);
    gathered_ = std::move(progress);
    const int64_t now_ms = system_clock().monotonic_ms();
    if (new_phase || now_ms - sent_ms_ >= kProgressEvery_ms) flush();
  }

  bool stop_requested() override {
    inbox_.poll(0);
    return inbox_.draining() || inbox_.cancelled(ticket_) || settings_.stop_requested() ||
           settings_.orphaned();
  }

  // Looks at the mark before what a stop would save, and now and then.
  bool goes_on_elsewhere() override {
    const bool stop = stop_requested();
    return inbox_.goes_on_elsewhere(ticket_) || folder_is_lost(stop);
  }

  // Several ranks agree on what they leave in the folder; one alone may be out of the world.
  void take_folder(const std::filesystem::path& folder) {
    if (in_group_of_one_) mark_.emplace(folder, ticket_);
  }
  void leave_folder() {
    if (mark_) mark_->remove();
  }

  void got_on() { hang_watch_.got_on(); }

  // Everything told so far is sent before what ends the run.
  void flush() {
    if (!leads_ || settings_.orphaned() || inbox_.alone()) return;
    transport_.send(kCoordinator, gathered_);
    gathered_.steps.clear();
    gathered_.metrics.clear();
    sent_ms_ = system_clock().monotonic_ms();
  }

  bool leads() const { return leads_; }
  int64_t step() const { return gathered_.step; }

 private:
  bool folder_is_lost(bool look) {
    const int64_t now_ms = system_clock().monotonic_ms();
    if (!mark_ || (!look && now_ms - mark_seen_ms_ < kMarkLook_ms)) return false;
    mark_seen_ms_ = now_ms;
    return !mark_->stands();
  }

  Transport& transport_;
  Inbox& inbox_;
  const WorkerSettings& settings_;
  Ticket ticket_;
  bool leads_, in_group_of_one_;
  HangWatch hang_watch_;
  std::optional<AttemptMark> mark_;
  Progress gathered_;
  int64_t sent_ms_ = 0, mark_seen_ms_ = 0;
};

// LibTorch has no type of its own for host memory that ran out.
bool out_of_memory(const c10::Error& error) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         error.msg().find("can't allocate memory") != std::string::npos;
}

Failed failure(const Ticket& ticket) {
  try {
    throw;
  } catch (const Error& error) {
    return {ticket, error.cause(), error.what()};
  } catch (const c10::Error& error) {
    return {ticket, out_of_memory(error) ? "memory" : "error", error.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {ticket, "memory", "out of memory"};
  } catch (const std::exception& error) {
    return {ticket, "error", error.what()};
  }
}

class Worker {
 public:
  Worker(Transport& transport, const MakeGroup& make_group, const WorkerSettings& settings)
      : transport_(transport), make_group_(make_group), settings_(settings), inbox_(transport) {
    if (settings.trainers) relay_.emplace(*settings.trainers, transport, inbox_, settings);
  }

  int run() {
    if (const auto hello = relay_ ? relay_->meet() : std::optional(own_hello())) {
      transport_.send(kCoordinator, *hello);
    }
    while (!inbox_.shutdown() && !nobody_is_left() && !spoilt_) {
      if (inbox_.has_dispatch()) {
        take_up(inbox_.next_dispatch());
      } else {
        inbox_.poll(kIdle_ms);
        if (relay_) relay_->look_after();
      }
    }
    return inbox_.shutdown() ? kExitDone : kExitWorldFailed;
  }

 private:
  // To report to: mpirun is gone, or the coordinator.
  bool nobody_is_left() const { return settings_.orphaned() || inbox_.alone(); }

  Hello own_hello() const {
    const int64_t cores =
        settings_.threads > 0 ? settings_.threads : std::thread::hardware_concurrency();
    const ChosenDevice device = choose_device(DeviceChoice::Auto);
    return {.host = host_name(),
            .pid = getpid(),
            .cores = cores,
            .device = device.text,
            .environment = environment(settings_.mpi_version).dump(),
            .gpu = device.gpu,
            .gpu_bytes = device.gpu_bytes,
            .host_bytes = host_memory_bytes()};
  }

  // A run on several ranks needs MPI, which only the ranks have.
  void take_up(const Dispatch& dispatch) {
    const bool alone = dispatch.members.size() == 1;
    inbox_.poll(0);
    if (alone && inbox_.goes_on_elsewhere(dispatch.ticket)) {  // This worker woke up late.
      transport_.send(kCoordinator,
                      Failed{dispatch.ticket, "lost", "it goes on elsewhere: it was not begun"});
      return;
    }
    if (relay_ && alone && relay_->train(dispatch)) return;
    if (relay_) relay_->let_go();
    execute_dispatch(dispatch);
  }

  // The one place where the exceptions of a run end.
  void execute_dispatch(const Dispatch& dispatch) {
    RunReporter reporter(transport_, inbox_, settings_, dispatch);
    std::optional<RunResult> result;
    try {
      reporter.take_folder(dispatch.folder);
      const auto group = make_group_(dispatch);
      const RunConfig config = RunConfig::parse(dispatch.config);
      result = execute(config,
                       {.folder = dispatch.folder,
                        .data_dir = dispatch.data_dir,
                        .threads = settings_.threads,
                        .group = *group},
                       reporter);
    } catch (...) {
      Failed failed = failure(dispatch.ticket);
      if (!gpu_answers()) {  // It would fail every run that it gets. This one is tried again, once.
        log_error("run {} failed: {}", dispatch.ticket.run_id, failed.text);
        if (!settings_.is_trainer) ::raise(SIGKILL);  // Its death is known at once.
        spoilt_ = true;
        failed.cause = "gpu";
      }
      reporter.flush();
      transport_.send(kCoordinator, failed);
      return;
    }
    if (!reporter.leads() || nobody_is_left()) return;
    reporter.flush();
    if (result) {
      hand_over({dispatch.ticket, std::move(*result)}, dispatch.folder, reporter);
    } else {
      transport_.send(kCoordinator, Interrupted{dispatch.ticket, reporter.step()});
    }
  }

  // Sends the result until it is stored. A new dispatch or a cancellation says that nobody waits
  // for it any more; the checkpoints stay then.
  void hand_over(const Finished& finished, const std::filesystem::path& folder,
                 RunReporter& reporter) {
    int64_t sent_ms = 0;
    while (!inbox_.committed(finished.ticket)) {
      reporter.got_on();  // It is the coordinator that is waited for.
      const int64_t now_ms = system_clock().monotonic_ms();
      if (sent_ms == 0 || now_ms - sent_ms >= settings_.finished_every_ms) {
        transport_.send(kCoordinator, finished);
        sent_ms = now_ms;
      }
      inbox_.poll(kIdle_ms);
      const bool unwanted = inbox_.shutdown() || inbox_.cancelled(finished.ticket) ||
                            inbox_.has_dispatch() || nobody_is_left();
      if (unwanted && !inbox_.committed(finished.ticket)) return;
    }
    remove_checkpoints(folder);
    reporter.leave_folder();
  }

  Transport& transport_;
  const MakeGroup& make_group_;
  const WorkerSettings& settings_;
  Inbox inbox_;
  std::optional<TrainerRelay> relay_;
  bool spoilt_ = false;  // The GPU does not answer any more.
};

}  // namespace

int run_worker(Transport& transport, const MakeGroup& make_group, const WorkerSettings& settings) {
  return Worker(transport, make_group, settings).run();
}

}  // namespace seqsweep
