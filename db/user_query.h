// Questions that a user asks in SQL: any one statement that only reads.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "db/database.h"

namespace seqsweep {

struct SqlBlob {
  std::string bytes;
  bool operator==(const SqlBlob&) const = default;
};
// NULL, INTEGER, REAL, TEXT, BLOB.
using SqlValue = std::variant<std::monostate, int64_t, double, std::string, SqlBlob>;

struct SqlRows {
  std::vector<std::string> columns;
  std::vector<std::vector<SqlValue>> rows;
};

// Throws Error (Fault::Input), with SQLite's words and the nearest name that there is, for SQL that
// it does not understand, that is more than one statement or none, or that would write or open
// another file.
SqlRows ask(Database& database, const std::string& sql);

// Tables and views, and the columns of each, in the order of the schema.
struct SqlTable {
  std::string name;
  std::vector<std::string> columns;
};
std::vector<SqlTable> read_tables(Database& database);

}  // namespace seqsweep
