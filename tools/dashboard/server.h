// The dashboard's web server: the page and its JSON, read from a database.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace seqsweep {

struct DashboardOptions {
  std::filesystem::path database;
  std::string host = "127.0.0.1";
  int port = 8321;    // 0: any free one.
  std::string token;  // What a browser must know; "": nothing, for loopback alone.
};

bool is_loopback(const std::string& host);
std::string random_token();  // 128 bits of the system's random numbers, in hexadecimal.

class Dashboard {
 public:
  // Opens the database and takes the port. Throws Error (Fault::Input) when it is no database, the
  // port is taken, or the host is not this machine alone and there is no token.
  explicit Dashboard(DashboardOptions options);
  ~Dashboard();

  int port() const;
  std::string url() const;  // With the token: to be opened once; a cookie keeps it.

  void serve();  // Until stop(), which any thread may call.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace seqsweep
