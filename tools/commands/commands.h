// The commands of seqsweep: each file adds one subcommand with its help, and the action behind it.
// An action returns an exit code (core/base/error.h) or throws Error.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
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

// Everything that a sweep file may name, as linked into this program.
Catalog catalog();

}  // namespace seqsweep
