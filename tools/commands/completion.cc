// seqsweep completion: a script that completes commands and options, made from the program's own.
#include <fmt/format.h>

#include "core/base/text.h"
#include "tools/commands/commands.h"

namespace seqsweep {
namespace {

// A case of the script: what may follow a command.
std::string completion_case(const CLI::App& command, const std::string& path) {
  std::vector<std::string> words;
  for (const CLI::App* below : command.get_subcommands({})) words.push_back(below->get_name());
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;  // Not for people.
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    for (const std::string& name : option->get_snames()) words.push_back("-" + name);
  }
  std::string out = fmt::format("    '{}') words='{}' ;;\n", path, join(words, " "));
  for (const CLI::App* below : command.get_subcommands({})) {
    out +=
        completion_case(*below, path.empty() ? below->get_name() : path + " " + below->get_name());
  }
  return out;
}

std::string bash_script(const CLI::App& app) {
  return R"(_seqsweep() {
  local path='' word words i
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
)" + completion_case(app, "") +
         R"(  esac
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
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
