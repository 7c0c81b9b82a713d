// seqsweep completion: a script that completes commands and options, made from the program's own.
#include <fmt/format.h>

#include "core/base/text.h"
#include "tools/commands/commands.h"

namespace seqsweep {
namespace {

// "table csv json" of an option that takes one of these; "" of one that takes anything.
std::string members_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();  // As --help shows it: "TEXT:{table,csv,json}".
  const size_t begin = type.find('{'), end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return "";
  return replace_all(type.substr(begin + 1, end - begin - 1), ",", " ");
}

// What may follow a command: names (commands below it, the values of an argument), options, and
// the values of those that take one of a few.
struct Completions {
  std::vector<std::string> names, options;
  std::string values;  // Cases by option.
};

void add_options(const CLI::App& command, const std::string& path, Completions& found) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;  // Not for people.
    const std::string members = members_of(*option);
    if (option->get_positional() && !members.empty()) found.names.push_back(members);
    std::vector<std::string> flags;
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
    found.options.insert(found.options.end(), flags.begin(), flags.end());
    for (const std::string& flag : flags) {
      if (members.empty()) continue;
      found.values += fmt::format("    '{} {}') names='{}' ;;\n", path, flag, members);
    }
  }
}

// A case of the script for the command and for each below it; `values` are those of options.
std::string completion_case(const CLI::App& app, const CLI::App& command, const std::string& path,
                            std::string& values) {
  Completions found;
  for (const CLI::App* below : command.get_subcommands({}))
    found.names.push_back(below->get_name());
  add_options(command, path, found);
  if (path == "launch")
    add_options(*app.get_subcommand("sweep"), path, found);  // It takes them too.
  values += found.values;
  std::string out = fmt::format("    '{}') names='{}' options='{}' ;;\n", path,
                                join(found.names, " "), join(found.options, " "));
  for (const CLI::App* below : command.get_subcommands({})) {
    out += completion_case(
        app, *below, path.empty() ? below->get_name() : path + " " + below->get_name(), values);
  }
  return out;
}

// Where nothing is offered, the shell completes files.
std::string bash_script(const CLI::App& app) {
  std::string values;
  const std::string cases = completion_case(app, app, "", values);
  return R"(_seqsweep() {
  local path='' word names='' options='' i
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$word" in -*) continue ;; esac
    case "${path:+$path }$word" in
)" +
         [&] {
           std::string known;
           for (const CLI::App* command : app.get_subcommands({})) {
             known += (known.empty() ? "      " : "|") + command->get_name();
             for (const CLI::App* below : command->get_subcommands({})) {
               known += fmt::format("|'{} {}'", command->get_name(), below->get_name());
             }
           }
           return known + ") path=${path:+$path }$word ;;\n";
         }() +
         R"(    esac
  done
  case "$path" in
)" + cases +
         R"(  esac
  case "$path $before" in
)" + values +
         R"(  esac
  case "$current" in -*) names=$options ;; esac
  COMPREPLY=($(compgen -W "$names" -- "$current"))
}
complete -o default -F _seqsweep seqsweep
)";
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("completion", "A script that completes commands and options");
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  command->footer(
      "Examples:\n"
      "  source <(seqsweep completion bash)     in ~/.bashrc\n"
      "  source <(seqsweep completion zsh)      in ~/.zshrc");
  command->callback([&app, &action, shell] {
    action = [&app, shell] {
      if (*shell == "zsh") fmt::print("autoload -U +X bashcompinit && bashcompinit\n");
      fmt::print("{}", bash_script(app));
      return kExitDone;
    };
  });
}

}  // namespace seqsweep
