// seqsweep export: the database as a copy, or as other programs want its curves and results.
#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "db/database.h"
#include "tools/commands/commands.h"
#include "tools/export/mlflow.h"
#include "tools/export/tensorboard.h"

namespace seqsweep {
namespace {

struct ExportOptions {
  std::string database, out, format = "copy";
};

int export_as(const ExportOptions& options) {
  Database database = Database::open_for_reading(options.database);
  if (options.format == "copy") {
    database.copy_to(options.out);
    fmt::print("{}: {}\n", options.out, human_bytes(std::filesystem::file_size(options.out)));
    return kExitDone;
  }
  const auto write = options.format == "mlflow" ? export_mlflow : export_tensorboard;
  const int64_t runs = write(database, options.out, system_clock().unix_ms());
  fmt::print("{}: {} run{}\n", options.out, human_count(runs), runs == 1 ? "" : "s");
  return kExitDone;
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ExportOptions>();
  auto* command = app.add_subcommand(
      "export", "A copy of the database, or its curves for TensorBoard or MLflow");
  command->add_option("DB", options->database, "results database")->required();
  command->add_option("OUT", options->out, "file (copy) or folder to make; nothing may be there")
      ->required();
  command->add_option("--format", options->format, "copy, tensorboard or mlflow [copy]")
      ->check(CLI::IsMember({"copy", "tensorboard", "mlflow"}));
  command->footer(
      "All work while a sweep writes. A plain cp of such a database loses what lies in its log.\n\n"
      "Examples:\n"
      "  seqsweep export results.db results-monday.db\n"
      "  seqsweep export results.db curves --format tensorboard   then: tensorboard --logdir "
      "curves\n"
      "  seqsweep export results.db mlruns --format mlflow\n"
      "  mlflow migrate-filestore --source mlruns --target sqlite:///mlflow.db   then: mlflow ui");
  command->callback([&action, options] { action = [options] { return export_as(*options); }; });
}

}  // namespace seqsweep
