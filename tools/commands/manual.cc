// seqsweep manual: docs/commands.md, made from the program's own help.
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "tools/commands/commands.h"
#include "tools/commands/programs.h"

namespace seqsweep {
namespace {

// Without empty lines at its ends and spaces at the end of a line.
std::string trim_lines(const std::string& help) {
  std::vector<std::string> lines = split(std::string(trim(help)), '\n');
  for (std::string& line : lines) line = line.substr(0, line.find_last_not_of(' ') + 1);
  return join(lines, "\n");
}

std::string section(const std::string& name, const std::string& help) {
  return fmt::format("\n## {}\n\n```text\n{}\n```\n", name, trim_lines(help));
}

// The help of a command and of those below it, each under its own heading.
std::string manual_of(const CLI::App& command, const std::string& path) {
  const std::string name = path + " " + command.get_name();
  std::string text = section(name, command.help(path));
  for (const CLI::App* below : command.get_subcommands({})) text += manual_of(*below, name);
  return text;
}

// That of make_tables, which stands beside this program.
std::string manual_of_make_tables() {
  const std::string program = own_path().parent_path() / "make_tables";
  const auto help = output_of(quoted(program) + " --help", /*all=*/true);
  if (!help) throw_world("manual: {} did not say its --help", program);
  return section("make_tables", *help);
}

}  // namespace

void add_manual(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("manual", "The help of all commands as one Markdown page");
  command->footer("Example:\n  seqsweep manual > docs/commands.md");
  command->callback([&app, &action] {
    action = [&app] {
      // Not app.help(), which would be that of `manual`, the command that was given.
      const std::string all =
          app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
      std::string text = fmt::format(
          "# The commands of seqsweep\n\nMade by `seqsweep manual` from what `--help` says.\n\n"
          "```text\n{}\n```\n",
          trim_lines(all));
      for (const CLI::App* one : app.get_subcommands({})) text += manual_of(*one, app.get_name());
      fmt::print("{}{}", text, manual_of_make_tables());
      return kExitDone;
    };
  });
}

}  // namespace seqsweep
