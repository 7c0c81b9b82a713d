#include "tools/dashboard/server.h"

#include <httplib.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/host.h"
#include "core/base/text.h"
#include "db/queries.h"
#include "tools/dashboard/api.h"
#include "tools/dashboard/page_files.h"

namespace seqsweep {
namespace {

constexpr const char* kCookie = "seqsweep_token";
constexpr size_t kCurvePoints = 400, kCurvePointsMax = 5000, kEvents = 500;

// Nothing but the page's own files, nothing inline, no frames around it.
void set_headers(httplib::Server& server) {
  server.set_default_headers(
      {{"Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
        "'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
       {"X-Content-Type-Options", "nosniff"},
       {"Referrer-Policy", "no-referrer"},
       {"Cross-Origin-Resource-Policy", "same-origin"},
       {"Cache-Control", "no-cache"}});
}

// The library's own options would let two programs listen on one port.
void share_no_port(socket_t socket) {
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

// What a browser elsewhere can open: the address of all interfaces is nobody's.
std::string name_in_url(const std::string& host) {
  if (host.empty() || host == "0.0.0.0" || host == "::") return host_name();
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

// As long for a wrong token as for the right one.
bool same_text(const std::string& a, const std::string& b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

std::string cookie_of(const httplib::Request& request) {
  for (const std::string& one : split(request.get_header_value("Cookie"), ';')) {
    const std::string_view pair = trim(one);
    const std::string name = std::string(kCookie) + "=";
    if (pair.starts_with(name)) return std::string(pair.substr(name.size()));
  }
  return "";
}

// A page of another site must not read ours through a name of its own for 127.0.0.1.
bool is_own_name(const std::string& header) {
  const std::string host = header.starts_with('[') ? header.substr(0, header.find(']') + 1)
                                                   : header.substr(0, header.find(':'));
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

std::string etag_of(const std::string& body) {
  return "\"" + sha256_hex(body).substr(0, 24) + "\"";
}

void answer(const httplib::Request& request, httplib::Response& response, const std::string& body,
            const char* type) {
  const std::string tag = etag_of(body);
  response.set_header("ETag", tag);
  if (request.get_header_value("If-None-Match") == tag) {
    response.status = 304;
    return;
  }
  response.set_content(body, type);
}

void answer_error(httplib::Response& response, int status, const std::string& text) {
  response.status = status;
  response.set_content(dump({{"error", text}}), "application/json");
}

int64_t integer_of(const httplib::Request& request, const char* name, int64_t otherwise) {
  if (!request.has_param(name)) return otherwise;
  const std::string text = request.get_param_value(name);
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || errno != 0 || value < 0) {
    throw_input("{}: a whole number from 0 is valid; '{}' came", name, printable(text));
  }
  return value;
}

}  // namespace

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string random_token() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
    throw_world("dashboard: the system gives no random numbers");
  std::string token;
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

struct Dashboard::State {
  explicit State(DashboardOptions given)
      : options(std::move(given)),
        database(Database::open_for_reading(options.database)),
        tests(options.database) {
    if (!is_loopback(options.host) && options.token.empty())
      throw_input("dashboard: on a host other than 127.0.0.1 a token is needed");
    set_headers(server);
    server.set_socket_options(share_no_port);
    server.set_pre_routing_handler(
        [this](const auto& request, auto& response) { return admit(request, response); });
    server.set_exception_handler([](const auto&, auto& response, std::exception_ptr failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const Error& error) {
        answer_error(response, error.fault() == Fault::Input ? 400 : 500, error.what());
      } catch (const std::exception& error) {
        answer_error(response, 500, error.what());
      }
    });
    serve_page();
    serve_api();
    bind();
  }

  httplib::Server::HandlerResponse admit(const httplib::Request& request,
                                         httplib::Response& response) const {
    using Handled = httplib::Server::HandlerResponse;
    if (is_loopback(options.host) && !is_own_name(request.get_header_value("Host"))) {
      answer_error(response, 403, "open it as http://127.0.0.1");
      return Handled::Handled;
    }
    if (options.token.empty() || same_text(cookie_of(request), options.token))
      return Handled::Unhandled;
    if (request.has_param("token") && same_text(request.get_param_value("token"), options.token)) {
      response.set_header("Set-Cookie", fmt::format("{}={}; HttpOnly; SameSite=Strict; Path=/",
                                                    kCookie, options.token));
      response.set_redirect("/");
      return Handled::Handled;
    }
    answer_error(response, 401, "open it with the token that `seqsweep dashboard` printed");
    return Handled::Handled;
  }

  void serve_page() {
    const auto file = [this](const char* path, const char* text, const char* type) {
      server.Get(path, [text, type](const auto& request, auto& response) {
        answer(request, response, text, type);
      });
    };
    file("/", kPageHtml, "text/html; charset=utf-8");
    file("/app.css", kPageCss, "text/css; charset=utf-8");
    file("/app.js", kPageJs, "text/javascript; charset=utf-8");
  }

  // Answers from the database; one at a time, for a connection belongs to one thread.
  void serve_json(const char* path, std::function<Json(const httplib::Request&)> make) {
    server.Get(path, [this, make](const auto& request, auto& response) {
      std::string body;
      {
        const std::lock_guard lock(mutex);
        body = dump(make(request));
      }
      answer(request, response, body, "application/json");
    });
  }

  void serve_api() {
    serve_json("/api/overview",
               [this](const auto&) { return overview_json(database, system_clock().unix_ms()); });
    serve_json(R"(/api/run/([0-9A-Za-z_.\-]+))",
               [this](const auto& request) { return run_json(database, request.matches[1]); });
    serve_json("/api/curves", [this](const auto& request) {
      const auto points = static_cast<size_t>(integer_of(request, "points", kCurvePoints));
      std::vector<std::string> runs;
      for (std::string& run : split(request.get_param_value("runs"), ',')) {
        if (!run.empty()) runs.push_back(std::move(run));
      }
      return curves_json(database, runs, std::clamp<size_t>(points, 4, kCurvePointsMax));
    });
    serve_json("/api/events", [this](const auto& request) {
      return events_json(database, integer_of(request, "after", 0), kEvents);
    });
    serve_json("/api/tables", [this](const auto&) { return tables_json(database, tests); });
  }

  void bind() {
    if (options.port == 0) {
      options.port = server.bind_to_any_port(options.host.c_str());
      if (options.port > 0) return;
      throw_input(
          "dashboard: --host {} is no address of this machine: 127.0.0.1, 0.0.0.0 (all), or one of "
          "its own",
          printable(options.host));
    } else if (server.bind_to_port(options.host.c_str(), options.port)) {
      return;
    }
    throw_input("dashboard: {}:{} cannot be used; another program may have it: give --port 0",
                printable(options.host), options.port);
  }

  DashboardOptions options;
  std::mutex mutex;  // Over the database, and stopped.
  bool stopped = false;
  std::atomic<bool> serving = false;
  Database database;
  SignificanceTests tests;
  httplib::Server server;
};

Dashboard::Dashboard(DashboardOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
Dashboard::~Dashboard() = default;

int Dashboard::port() const {
  return state_->options.port;
}

std::string Dashboard::url() const {
  const DashboardOptions& options = state_->options;
  const std::string query = options.token.empty() ? "" : "?token=" + options.token;
  return fmt::format("http://{}:{}/{}", name_in_url(options.host), options.port, query);
}

void Dashboard::serve() {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopped) return;
    state_->serving = true;
  }
  state_->server.listen_after_bind();
  state_->serving = false;
}

// The library forgets a stop that comes before it listens.
void Dashboard::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopped = true;
  }
  while (state_->serving && !state_->server.is_running()) ::usleep(1000);
  state_->server.stop();
}

}  // namespace seqsweep
