// The version of a database's schema, and the way of an older one to the version of this program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace seqsweep {

class Database;

constexpr int64_t kSchemaVersion = 2;  // PRAGMA user_version that db/schema.sql sets.

struct Migration {
  int64_t version;  // That it leads to, from the one before.
  const char* sql;
};

// Fault::Input when the file is no SQLite database, or one of another program.
void require_own_file(Database& database);

// For readers, who change nothing. Fault::Input when the schema is newer than this program, or so
// old that a writer must bring it up to date first.
void require_current_schema(Database& database);

// For the writer: makes the schema in an empty file, or applies the migrations that lack, all in
// one transaction. Fault::Input when the schema is newer than this program.
void bring_up_to_date(Database& database);
void migrate(Database& database, const std::vector<Migration>& migrations, int64_t version);

}  // namespace seqsweep
