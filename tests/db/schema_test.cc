#include "db/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "db/database.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

std::string only_text(Database& database, std::string_view sql) {
  Query query(database, sql);
  return query.next() ? query.text(0) : "no row";
}

TEST(Schema, ANewDatabaseHasTheVersionThatTheProgramKnows) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "new.db");
  EXPECT_EQ(only_text(database, "PRAGMA user_version"), std::to_string(kSchemaVersion));
}

TEST(Schema, ResultsHasTheColumnsOfTheContract) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "new.db");
  EXPECT_EQ(only_text(database, "SELECT group_concat(name, ' ') FROM pragma_table_info('results')"),
            "run_id sweep dataset model optimizer seed status attempts error epochs hit_10 ndcg_10 "
            "mrr_10 latency_ms latency_low_ms latency_high_ms tokens_per_s params "
            "params_no_embedding train_s ranks device config git_commit");
}

// What the migrations make of a database of version 1 is what schema.sql makes.
TEST(Schema, TheFirstVersionIsBroughtUpToDate) {
  constexpr const char* kColumns =
      "SELECT group_concat(name || ' ' || type || ' ' || \"notnull\", ', ') "
      "FROM pragma_table_info('steps')";
  const TemporaryFolder folder;
  std::string columns;
  {
    Database database = Database::open_for_writing(folder / "old.db");
    columns = only_text(database, kColumns);
    database.run_script(
        "ALTER TABLE steps DROP COLUMN microbatches; ALTER TABLE steps DROP COLUMN r;"
        "PRAGMA user_version = 1");
  }
  Database database = Database::open_for_writing(folder / "old.db");
  EXPECT_EQ(only_text(database, kColumns), columns);
  EXPECT_EQ(only_text(database, "PRAGMA user_version"), std::to_string(kSchemaVersion));
}

constexpr int64_t kNext = kSchemaVersion + 1;

TEST(Schema, AnOlderDatabaseIsMigratedStepByStep) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "old.db");
  database.run_script("CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('kept')");
  const std::vector<Migration> migrations = {
      {kNext, "ALTER TABLE notes ADD COLUMN author TEXT DEFAULT 'nobody'"},
      {kNext + 1, "UPDATE notes SET author = author || ' known'"}};
  migrate(database, migrations, kNext + 1);
  EXPECT_EQ(only_text(database, "PRAGMA user_version"), std::to_string(kNext + 1));
  EXPECT_EQ(only_text(database, "SELECT text || ' by ' || author FROM notes"),
            "kept by nobody known");
  migrate(database, migrations, kNext + 1);  // Applies nothing twice.
  EXPECT_EQ(only_text(database, "SELECT author FROM notes"), "nobody known");
}

TEST(Schema, AFailedMigrationLeavesTheDatabaseAsItWas) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "old.db");
  {
    WriteTransaction transaction(database);
    const std::vector<Migration> failing = {{kNext, "CREATE TABLE notes (text TEXT)"},
                                            {kNext + 1, "nonsense"}};
    EXPECT_THROW(migrate(database, failing, kNext + 1), Error);
  }
  EXPECT_EQ(only_text(database, "PRAGMA user_version"), std::to_string(kSchemaVersion));
  EXPECT_EQ(only_text(database, "SELECT name FROM sqlite_schema WHERE name = 'notes'"), "no row");
}

TEST(Schema, ANewerDatabaseIsRefusedAndTheKnownVersionNamed) {
  const TemporaryFolder folder;
  Database::open_for_writing(folder / "new.db").run_script("PRAGMA user_version = 99");
  for (const auto& open : {&open_to_write, &open_to_read}) {
    const Error error = error_of([&] { open(folder / "new.db"); });
    EXPECT_EQ(error.exit_code(), kExitBadInput);
    EXPECT_THAT(error.what(), testing::HasSubstr(fmt::format(
                                  "version 99, this program knows up to {}", kSchemaVersion)));
  }
}

TEST(Schema, AnOlderDatabaseIsNotReadBeforeAWriterMigratedIt) {
  const TemporaryFolder folder;
  Database::open_for_writing(folder / "old.db").run_script("PRAGMA user_version = 0");
  const Error error = error_of([&] { Database::open_for_reading(folder / "old.db"); });
  EXPECT_EQ(error.exit_code(), kExitBadInput);
  EXPECT_THAT(error.what(), testing::HasSubstr("version 0"));
}

TEST(Schema, TheDatabaseOfAnotherProgramIsRefused) {
  const TemporaryFolder folder;
  Database::open_for_writing(folder / "other.db").run_script("PRAGMA application_id = 5");
  for (const auto& open : {&open_to_write, &open_to_read}) {
    const Error error = error_of([&] { open(folder / "other.db"); });
    EXPECT_EQ(error.exit_code(), kExitBadInput);
    EXPECT_THAT(error.what(), testing::HasSubstr("none of seqsweep"));
  }
}

}  // namespace
}  // namespace seqsweep
