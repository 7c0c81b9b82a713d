// What the programs share: the command line, and what each error prints and ends with.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/version.h"

namespace seqsweep {

// What may stand in the place of a word that was not expected: commands, or options of the command.
inline std::vector<std::string> expected_words(const CLI::App& app) {
  std::vector<std::string> words;
  const auto chosen = app.get_subcommands();
  if (!chosen.empty()) return expected_words(*chosen.front());
  for (const CLI::App* command : app.get_subcommands({})) words.push_back(command->get_name());
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return words;
}

// CLI11's own message, with the nearest word for a misspelt one.
inline int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  const std::vector<std::string> unknown = app.remaining(true);
  const std::string hint =
      unknown.empty() ? "" : did_you_mean(unknown.front(), expected_words(app));
  const std::string& name = app.get_name();
  const bool has_commands = !app.get_subcommands({}).empty();
  fmt::print(stderr, "{}: {}{}\nTry '{} --help'{}.\n", name, printable(error.what()), hint, name,
             has_commands ? fmt::format(" or '{} COMMAND --help'", name) : "");
  return kExitBadInput;
}

// Reads the command line and acts; returns the exit code.
inline int run_program(CLI::App& app, int argc, char** argv, const std::function<int()>& action) {
  const std::string& name = app.get_name();
  app.set_version_flag("--version", fmt::format("{} {} ({})", name, version(), git_commit()));
  try {
    app.parse(argc, argv);
    return action();
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  } catch (const Error& error) {
    fmt::print(stderr, "{}: {}\n", name, printable(error.what()));
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, printable(error.what()));
    return kExitWorldFailed;
  }
}

}  // namespace seqsweep
