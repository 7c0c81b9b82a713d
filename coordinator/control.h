// Requests to a live coordinator from other processes: small files in DB.control/, so that it stays
// the only writer of the database.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace seqsweep {

struct Request {
  enum class Kind { Drain, Cancel, Retry, RetryFailed };
  Kind kind = Kind::Drain;
  std::string run_id;  // Of Cancel and Retry.
  bool operator==(const Request&) const = default;
};

// Atomic: the coordinator sees the whole request or none.
void write_request(const std::filesystem::path& database, const Request& request);

// All requests in the order in which they were written; they are removed. What is no request is
// logged and removed too.
std::vector<Request> take_requests(const std::filesystem::path& database);

// Removes requests to drain: what is older than a coordinator was meant for another one.
void forget_drains(const std::filesystem::path& database);

}  // namespace seqsweep
