// seqsweep query: SQL on a results database, reading only.
#include <fmt/format.h>

#include "db/user_query.h"
#include "tools/commands/commands.h"
#include "tools/report/sql_text.h"

namespace seqsweep {
namespace {

struct QueryOptions {
  std::string database, sql, format = "table";
};

int query(const QueryOptions& options) {
  Database database = Database::open_for_reading(options.database);
  if (options.sql.empty()) {
    for (const SqlTable& table : read_tables(database)) {
      fmt::print("{}: {}\n", table.name, fmt::join(table.columns, ", "));
    }
    return kExitDone;
  }
  const SqlRows rows = ask(database, options.sql);
  fmt::print("{}", options.format == "csv"    ? sql_csv(rows)
                   : options.format == "json" ? sql_json(rows)
                                              : sql_table(rows));
  return kExitDone;
}

}  // namespace

void add_query(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("query", "Ask a results database in SQL; it is only read");
  auto options = std::make_shared<QueryOptions>();
  command->add_option("DB", options->database, "results database")->required();
  command->add_option("SQL", options->sql, "one SELECT; without it: tables and their columns");
  command->add_option("--format", options->format, "table, csv or json [table]")
      ->check(CLI::IsMember({"table", "csv", "json"}));
  command->footer(
      "Examples:\n"
      "  seqsweep query results.db\n"
      "  seqsweep query results.db \"SELECT model, avg(ndcg_10) FROM results GROUP BY model\"\n"
      "  seqsweep query results.db \"SELECT * FROM attempts WHERE cause != 'done'\" --format json");
  command->callback([&action, options] { action = [options] { return query(*options); }; });
}

}  // namespace seqsweep
