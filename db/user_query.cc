#include "db/user_query.h"

#include <SQLiteCpp/Database.h>
#include <sqlite3.h>

#include <algorithm>
#include <memory>

#include "core/base/error.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

// "no such column: modle" -> "; did you mean 'model'?"; or which tables have it.
std::string hint(Database& database, const std::string& message) {
  const size_t colon = message.rfind(": ");
  if (!message.starts_with("no such") || colon == std::string::npos) return "";
  std::string word = message.substr(colon + 2);
  if (const size_t dot = word.rfind('.'); dot != std::string::npos) word.erase(0, dot + 1);
  std::vector<std::string> known, have_it;
  for (const SqlTable& table : read_tables(database)) {
    if (message.starts_with("no such table")) {
      known.push_back(table.name);
    } else {
      known.insert(known.end(), table.columns.begin(), table.columns.end());
      if (std::ranges::find(table.columns, word) != table.columns.end()) {
        have_it.push_back(table.name);
      }
    }
  }
  if (!have_it.empty()) return fmt::format("; it is a column of {}", join(have_it, ", "));
  return did_you_mean(word, known);
}

SqlValue value_of(sqlite3_stmt* statement, int column) {
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(statement, column);
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
      return std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement, column)),
                         size);
    case SQLITE_BLOB:
      return SqlBlob{
          size == 0 ? ""
                    : std::string(static_cast<const char*>(sqlite3_column_blob(statement, column)),
                                  size)};
    default:
      return std::monostate{};
  }
}

}  // namespace

SqlRows ask(Database& database, const std::string& sql) {
  sqlite3* handle = database.handle_->getHandle();
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_stmt* prepared = nullptr;
  const char* rest = nullptr;
  const auto refuse = [&](const std::string& why) {
    throw_input("query: {}; one SELECT is valid, as in: SELECT model, ndcg_10 FROM results", why);
  };
  if (sqlite3_prepare_v2(handle, sql.c_str(), static_cast<int>(sql.size()), &prepared, &rest) !=
      SQLITE_OK) {
    const std::string message = sqlite3_errmsg(handle);
    throw_input("query: {}{}", printable(message), hint(database, message));
  }
  const Statement statement(prepared, sqlite3_finalize);
  if (!prepared) refuse("there is no SQL in it");
  const std::string_view tail = trim(rest);
  if (!tail.empty() && !tail.starts_with("--")) refuse("more than one statement");
  if (!sqlite3_stmt_readonly(prepared)) refuse("a database is only read here");

  SqlRows result;
  const int columns = sqlite3_column_count(prepared);
  for (int i = 0; i < columns; ++i) {
    result.columns.emplace_back(sqlite3_column_name(prepared, i));
  }
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(prepared)) == SQLITE_ROW) {
    std::vector<SqlValue>& row = result.rows.emplace_back();
    for (int i = 0; i < columns; ++i) row.push_back(value_of(prepared, i));
  }
  if (code != SQLITE_DONE) refuse(printable(sqlite3_errmsg(handle)));
  return result;
}

std::vector<SqlTable> read_tables(Database& database) {
  std::vector<SqlTable> tables;
  Query row(database,
            "SELECT m.name, c.name FROM sqlite_schema AS m JOIN pragma_table_xinfo(m.name) AS c "
            "WHERE m.type IN ('table', 'view') ORDER BY m.rowid, c.cid");
  while (row.next()) {
    const std::string name = row.text(0);
    if (tables.empty() || tables.back().name != name) tables.push_back({name, {}});
    tables.back().columns.push_back(row.text(1));
  }
  return tables;
}

}  // namespace seqsweep
