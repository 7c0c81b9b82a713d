#include "db/schema.h"

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "db/database.h"
#include "db/embedded_sql.h"

namespace seqsweep {
namespace {

constexpr int64_t kApplicationId = 0x73717377;  // 'sqsw', as in schema.sql.

int64_t read_integer(Database& database, const char* sql) {
  Query query(database, sql);
  query.next();
  return query.integer(0);
}

int64_t schema_version(Database& database) {
  return read_integer(database, "PRAGMA user_version");
}

bool is_empty(Database& database) {
  return read_integer(database, "SELECT count(*) FROM sqlite_schema") == 0;
}

void refuse_newer(Database& database, int64_t known) {
  const int64_t found = schema_version(database);
  if (found > known) {
    throw_input(
        "database '{}': its schema has version {}, this program knows up to {}; use a newer "
        "seqsweep",
        printable(database.path().string()), found, known);
  }
}

}  // namespace

void require_own_file(Database& database) {
  if (is_empty(database) || read_integer(database, "PRAGMA application_id") == kApplicationId)
    return;
  throw_input("database '{}': an SQLite file, but none of seqsweep; give another path",
              printable(database.path().string()));
}

void require_current_schema(Database& database) {
  refuse_newer(database, kSchemaVersion);
  const int64_t found = schema_version(database);
  if (found < kSchemaVersion) {
    throw_input(
        "database '{}': its schema has version {}, this program reads {}; a `seqsweep sweep` "
        "on it brings it up to date",
        printable(database.path().string()), found, kSchemaVersion);
  }
}

void bring_up_to_date(Database& database) {
  WriteTransaction transaction(database);
  if (is_empty(database)) {
    database.run_script(kSchemaSql);
  } else {
    migrate(database, kMigrations, kSchemaVersion);
  }
  transaction.commit();
}

void migrate(Database& database, const std::vector<Migration>& migrations, int64_t version) {
  refuse_newer(database, version);
  for (const Migration& migration : migrations) {
    if (migration.version != schema_version(database) + 1) continue;
    database.run_script(migration.sql);
    database.run_script(fmt::format("PRAGMA user_version = {}", migration.version));
  }
  SEQ_CHECK(schema_version(database) == version);
}

}  // namespace seqsweep
