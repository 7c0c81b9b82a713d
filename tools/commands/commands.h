// The commands of seqsweep: each file adds one subcommand with its help, and the action behind it.
// An action returns an exit code (core/base/error.h) or throws Error.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <functional>

#include "core/base/registry.h"

namespace seqsweep {

using Action = std::function<int()>;

void add_sweep(CLI::App& app, Action& action);
void add_launch(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);
void add_list(CLI::App& app, Action& action);
void add_train(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_recommend(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_control(CLI::App& app, Action& action);  // retry, cancel, drain
void add_query(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);  // logs, diff
void add_export(CLI::App& app, Action& action);
void add_dashboard(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);
void add_manual(CLI::App& app, Action& action);

// "--lease: x is not a number above 0".
inline CLI::Validator above_0() {
  return {[](std::string& text) {
            double number = 0;
            const bool good =
                CLI::detail::lexical_cast(text, number) && std::isfinite(number) && number > 0;
            return good ? std::string() : text + " is not a number above 0";
          },
          "POSITIVE"};
}

// "--gpu-memory: x is not a number from 0 to 1000".
inline CLI::Validator from_0_to(double high) {
  return {
      [high](std::string& text) {
        double number = 0;
        const bool good = CLI::detail::lexical_cast(text, number) && number >= 0 && number <= high;
        return good ? std::string() : fmt::format("{} is not a number from 0 to {}", text, high);
      },
      "NUMBER"};
}

// "--seed: x is not a whole number from 0 to 100"; none in another base, none that is cut off.
inline CLI::Validator whole(int64_t low, int64_t high) {
  return {[low, high](std::string& text) {
            int64_t number = 0;
            const char* end = text.data() + text.size();
            const auto [stop, error] = std::from_chars(text.data(), end, number);
            const bool padded = text.size() > 1 && text[0] == '0';
            const bool good =
                error == std::errc() && stop == end && !padded && number >= low && number <= high;
            return good ? std::string()
                        : fmt::format("{} is not a whole number from {} to {}", text, low, high);
          },
          "INTEGER"};
}

// Everything that a sweep file may name, as linked into this program.
Catalog catalog();

}  // namespace seqsweep
