#include "coordinator/control.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>

#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/files.h"
#include "core/base/log.h"

namespace seqsweep {

constexpr std::array<std::pair<Request::Kind, const char*>, 4> enum_names(Request::Kind) {
  return {{{Request::Kind::Drain, "drain"},
           {Request::Kind::Cancel, "cancel"},
           {Request::Kind::Retry, "retry"},
           {Request::Kind::RetryFailed, "retry failed"}}};
}

namespace {

namespace fs = std::filesystem;

struct RequestFile {
  Request::Kind kind = Request::Kind::Drain;
  std::string run;

  void fields(auto&& field) {
    field("request", kind, "what is asked for");
    field("run", run, "of which run");
  }
};

fs::path folder_of(const fs::path& database) {
  fs::path folder = database;
  return folder += ".control";
}

// In the order in which they were written.
std::vector<fs::path> request_files(const fs::path& database) {
  std::vector<fs::path> files;
  std::error_code error;  // A missing folder holds no requests.
  for (const auto& entry : fs::directory_iterator(folder_of(database), error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<Request> read_request(const fs::path& file) {
  try {
    const auto read = read_config<RequestFile>(parse_yaml_file(file.string()), "");
    return Request{read.kind, read.run};
  } catch (const Error& problem) {
    log_warning("ignored what is no request: {}", problem.what());
    return std::nullopt;
  }
}

}  // namespace

void write_request(const fs::path& database, const Request& request) {
  static std::atomic<int> serial{0};
  // Names sort by time; pid and serial keep two requests of one millisecond apart.
  const std::string name =
      fmt::format("{:015}.{:08}.{:06}.json", system_clock().unix_ms(), ::getpid(), serial++);
  write_file_atomic(folder_of(database) / name,
                    to_json(RequestFile{request.kind, request.run_id}).dump());
}

std::vector<Request> take_requests(const fs::path& database) {
  std::vector<Request> requests;
  for (const fs::path& file : request_files(database)) {
    if (const auto request = read_request(file)) requests.push_back(*request);
    std::error_code ignored;
    fs::remove(file, ignored);
  }
  return requests;
}

void forget_drains(const fs::path& database) {
  for (const fs::path& file : request_files(database)) {
    const auto request = read_request(file);
    std::error_code ignored;
    if (request && request->kind == Request::Kind::Drain) fs::remove(file, ignored);
  }
}

}  // namespace seqsweep
