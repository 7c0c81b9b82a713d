// make_tables: the paper's tables from a seqsweep database.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "db/database.h"
#include "tools/report/paper.h"
#include "tools/report/report.h"

namespace {

void make_tables(const std::string& path, const std::filesystem::path& out) {
  seqsweep::Database database = seqsweep::Database::open_for_reading(path);
  const auto files = seqsweep::make_report(database, seqsweep::paper());
  for (const seqsweep::ReportFile& file : files) {
    seqsweep::write_file_atomic(out / file.name, file.text);
  }
  fmt::print("{}", files.front().text);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Prints the results of a database as tables and writes them as Markdown, LaTeX and "
      "CSV, beside the paper's own figures.",
      "make_tables"};
  app.footer("Exit codes: 0 done; 2 bad command line, or not a database with runs; 3 disk failed.");
  std::string database, out;
  app.add_option("DB", database, "database that 'seqsweep sweep' filled")->required();
  app.add_option("--out", out, "folder for the files; made when missing")->required();
  try {
    app.parse(argc, argv);
    make_tables(database, out);
    return seqsweep::kExitDone;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? seqsweep::kExitDone : seqsweep::kExitBadInput;
  } catch (const seqsweep::Error& error) {
    fmt::print(stderr, "make_tables: {}\n", seqsweep::printable(error.what()));
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "make_tables: {}\n", seqsweep::printable(error.what()));
    return seqsweep::kExitWorldFailed;
  }
}
