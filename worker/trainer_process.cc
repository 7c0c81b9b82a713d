#include "worker/trainer_process.h"

#include <sys/wait.h>

#include <array>
#include <csignal>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/oom_kills.h"
#include "core/base/text.h"
#include "core/protocol/socket_transport.h"
#include "worker/inbox.h"
#include "worker/worker.h"

namespace seqsweep {
namespace {

constexpr int64_t kLeave_ms = 30'000;
constexpr int64_t kKilled_ms = 10'000;  // For a killed one to be gone, with its memory.
constexpr int64_t kLook_ms = 50;
constexpr size_t kLastWords = 4096;  // Bytes.

std::string request_of(int rank, const WorkerSettings& settings) {
  return Json{{"rank", rank},
              {"threads", settings.threads},
              {"mpi_version", settings.mpi_version},
              {"finished_every_ms", settings.finished_every_ms},
              {"lease_s", settings.lease_s}}
      .dump();
}

}  // namespace

int run_trainer(const std::string& request, Descriptor socket) {
  const Json asked = Json::parse(request);
  const int rank = asked.at("rank");
  set_log_who(fmt::format("rank {}'s trainer", rank));
  install_stop_signals();
  stop_with_parent();
  try {
    const auto transport = make_socket_transport(std::move(socket), rank, kCoordinator);
    return run_worker(*transport, [](const Dispatch&) { return make_local_group(); },
                      {.threads = asked.at("threads").get<int64_t>(),
                       .mpi_version = asked.at("mpi_version").get<std::string>(),
                       .finished_every_ms = asked.at("finished_every_ms").get<int64_t>(),
                       .lease_s = asked.at("lease_s").get<double>(),
                       .is_trainer = true});
  } catch (const Error& error) {
    log_error("{}", error.what());
    return error.exit_code();
  }
}

TrainerProcess::TrainerProcess(ForkServer& forks, int rank, const WorkerSettings& settings)
    : forks_(forks),
      rank_(rank),
      oom_kills_before_(oom_kills()),
      process_(forks.fork(request_of(rank, settings))),
      transport_(make_socket_transport(std::move(process_.socket), kCoordinator, rank)) {}

TrainerProcess::~TrainerProcess() {
  const auto gone_within = [this](int64_t patience_ms) {
    const int64_t end_ms = system_clock().monotonic_ms() + patience_ms;
    while (!dead_ && system_clock().monotonic_ms() < end_ms) receive(kLook_ms);
    return dead_;
  };
  try {
    if (!dead_) {
      send(Shutdown{});
      ::kill(process_.id, SIGCONT);  // One that is stopped hears it.
    }
    if (!gone_within(kLeave_ms)) {
      log_warning("the trainer did not leave within {} s: it is killed", kLeave_ms / 1000);
      kill();
      gone_within(kKilled_ms);
    }
    if (!ended_) forks_.wait(process_.id);
  } catch (const Error& error) {
    log_warning("{}", error.what());
  }
}

void TrainerProcess::send(const Message& message) {
  if (std::holds_alternative<Dispatch>(message)) last_words_.clear();
  transport_->send(rank_, message);
}

std::optional<Message> TrainerProcess::receive(int64_t timeout_ms) {
  std::optional<Message> message;
  try {
    if (auto envelope = transport_->receive(timeout_ms)) message = std::move(envelope->message);
  } catch (const Error& error) {
    log_error("the trainer said what is no message, and is killed: {}", error.what());
    kill();
    dead_ = true;
  }
  pass_on_output();
  dead_ = dead_ || !transport_->take_dead().empty();
  return message;
}

void TrainerProcess::kill() {
  ::kill(process_.id, SIGKILL);
}

TrainerProcess::End TrainerProcess::end() {
  const std::optional<int> status = forks_.wait(process_.id);
  ended_ = true;
  pass_on_output();
  if (!line_.empty()) log_as_is(std::exchange(line_, "") + "\n");
  End end{"crash", status ? how_it_ended(*status) : "closed its socket and cannot be killed", ""};
  const int64_t oom_kills_since = oom_kills().value_or(0) - oom_kills_before_.value_or(0);
  if (status && WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL && oom_kills_since > 0) {
    end.cause = "memory";
    end.more = fmt::format("; the kernel's out-of-memory killer ended {} process{} meanwhile",
                           oom_kills_since, oom_kills_since == 1 ? "" : "es");
  }
  const std::string words = printable(trim(last_words_));
  if (!words.empty()) end.more += "; its last words: " + words;
  return end;
}

void TrainerProcess::pass_on_output() {
  std::array<char, kLastWords> part;
  for (;;) {
    const ssize_t bytes = ::read(process_.output.number(), part.data(), part.size());
    if (bytes <= 0) return;
    const std::string_view text(part.data(), static_cast<size_t>(bytes));
    last_words_ += text;
    if (last_words_.size() > kLastWords) last_words_.erase(0, last_words_.size() - kLastWords);
    line_ += text;
    const size_t whole = line_.size() > kLastWords ? line_.size() : line_.rfind('\n') + 1;
    if (whole == 0) continue;
    log_as_is(line_.substr(0, whole));
    line_.erase(0, whole);
  }
}

}  // namespace seqsweep
