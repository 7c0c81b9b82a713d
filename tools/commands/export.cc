// seqsweep export: the database as a copy, or as other programs want its curves and results.
#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "db/database.h"
#include "tools/commands/commands.h"
#include "tools/commands/export_model.h"
#include "tools/export/mlflow.h"
#include "tools/export/tensorboard.h"

namespace seqsweep {
namespace {

struct ExportOptions {
  std::string database, out, format = "copy", data_dir;
};

int export_as(const ExportOptions& options) {
  if (options.format == "huggingface") {
    export_model(options.database, options.data_dir, options.out);
    fmt::print("{}: a folder for from_pretrained()\n", options.out);
    return kExitDone;
  }
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
      "export", "The database as a copy, its curves for others, or a trained language model");
  command
      ->add_option("DB", options->database,
                   "results database; of huggingface a run's folder, DB.runs/RUN")
      ->required();
  command->add_option("OUT", options->out, "file (copy) or folder to make; nothing may be there")
      ->required();
  command
      ->add_option("--format", options->format, "copy, tensorboard, mlflow or huggingface [copy]")
      ->check(CLI::IsMember({"copy", "tensorboard", "mlflow", "huggingface"}));
  command->add_option("--data-dir", options->data_dir,
                      "of huggingface: raw and cached data sets [SEQSWEEP_DATA or data]");
  command->footer(
      "All work while a sweep writes. A plain cp of such a database loses what lies in its log.\n"
      "huggingface: a trained gpt4rec, mamrec or llamarec as a folder that transformers loads, "
      "its\n"
      "adapters merged.\n\n"
      "Examples:\n"
      "  seqsweep export results.db results-monday.db\n"
      "  seqsweep export results.db curves --format tensorboard   then: tensorboard --logdir "
      "curves\n"
      "  seqsweep export results.db mlruns --format mlflow\n"
      "  mlflow migrate-filestore --source mlruns --target sqlite:///mlflow.db   then: mlflow ui\n"
      "  seqsweep export results.db.runs/0f3a... model --format huggingface");
  command->callback([&action, options] { action = [options] { return export_as(*options); }; });
}

}  // namespace seqsweep
