#include "db/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "tests/db/support.h"
#include "tests/support/disk.h"

namespace seqsweep {
namespace {

using testing::HasSubstr;

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

void make_table(Database& database) {
  database.run_script("CREATE TABLE things (name TEXT, number REAL, bytes BLOB)");
}

int64_t count_things(Database& database) {
  Query query(database, "SELECT count(*) FROM things");
  query.next();
  return query.integer(0);
}

TEST(Database, UnusablePathsAreInputErrorsThatNamePathAndReason) {
  const TemporaryFolder folder;
  write_text(folder / "file", "");
  struct Case {
    std::filesystem::path path;
    const char* reason;
  };
  for (const auto& [path, reason] :
       {Case{folder.path(), "is a folder"}, Case{folder / "file" / "x.db", "Not a directory"},
        Case{folder / "missing" / "x.db", "No such file or directory"},
        Case{"/proc/x.db", "cannot be"}}) {
    for (const auto& open : {&open_to_write, &open_to_read}) {
      const Error error = error_of([&] { open(path); });
      EXPECT_EQ(error.exit_code(), kExitBadInput) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
    }
    EXPECT_THAT(error_of([&] { open_to_write(path); }).what(), HasSubstr(reason));
  }
}

int waits_of_ten_commits(Database& database) {
  const int before = disk_waits;
  for (int i = 0; i < 10; ++i) {
    WriteTransaction transaction(database);
    database.run("INSERT INTO things (name) VALUES (?)", i);
    transaction.commit();
  }
  return disk_waits - before;
}

TEST(Database, CommitsWaitForTheDiskEachOrTogether) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "x.db", Journal::Wal);
  make_table(database);
  EXPECT_EQ(waits_of_ten_commits(database), 10);
  database.commit_together();
  EXPECT_EQ(waits_of_ten_commits(database), 0);
  EXPECT_EQ(count_things(database), 20);
  for (const int expected : {1, 0}) {  // The second time nothing is new.
    const int before = disk_waits;
    database.sync();
    EXPECT_EQ(disk_waits - before, expected);
  }
}

TEST(Database, ADiskThatFailsIsToldAndTheLogStaysShort) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "x.db", Journal::Wal);
  make_table(database);
  database.commit_together();
  for (int i = 0; i < 300; ++i) {
    waits_of_ten_commits(database);
    database.sync();
  }
  EXPECT_LT(std::filesystem::file_size(folder / "x.db-wal"), 8'000'000);
  waits_of_ten_commits(database);
  disk_fails = true;
  const Error error = error_of([&] { database.sync(); });
  disk_fails = false;
  EXPECT_EQ(error.fault(), Fault::World);
  EXPECT_THAT(error.what(), HasSubstr("the disk failed"));
}

TEST(Database, WithoutAWriteAheadLogEveryCommitWaitsForTheDisk) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "x.db", Journal::Truncate);
  make_table(database);
  database.commit_together();
  EXPECT_GE(waits_of_ten_commits(database), 10);
}

TEST(Database, AFileThatIsNoDatabaseIsAnInputErrorAndKeepsItsBytes) {
  const TemporaryFolder folder;
  const std::string garbage(5000, 'g');
  write_text(folder / "notes.txt", garbage);
  for (const auto& open : {&open_to_write, &open_to_read}) {
    const Error error = error_of([&] { open(folder / "notes.txt"); });
    EXPECT_EQ(error.exit_code(), kExitBadInput);
    EXPECT_THAT(error.what(), HasSubstr("no SQLite database"));
  }
  std::ifstream in(folder / "notes.txt");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), garbage);
}

TEST(Database, ADamagedFileIsAnErrorNotACrash) {
  const TemporaryFolder folder;
  const auto path = folder / "results.db";
  open_to_write(path);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  const Error error = error_of([&] { open_to_write(path); });
  EXPECT_THAT(error.what(), HasSubstr(path.string()));
}

TEST(Database, TextComesBackByteForByte) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "x.db");
  make_table(database);
  for (const std::string text : {"'); DROP TABLE things; --", "\x1b[31m\n\r\t\"", "日本語 🎬 é",
                                 "\xff\xfe not UTF-8", "%s ? ?1"}) {
    database.run("INSERT INTO things (name) VALUES (?)", text);
    Query query(database, "SELECT name FROM things WHERE name = ?", text);
    ASSERT_TRUE(query.next());
    EXPECT_EQ(query.text(0), text);
  }
  EXPECT_EQ(count_things(database), 5);
}

TEST(Database, NumbersAndBytesComeBackAndNaNIsNull) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "x.db");
  make_table(database);
  const std::vector<int32_t> ranks = {0, -1, std::numeric_limits<int32_t>::max()};
  database.run("INSERT INTO things VALUES ('a', ?, ?)", std::nan(""), ranks);
  database.run("INSERT INTO things VALUES ('b', ?, ?)", 0.1, std::vector<float>{});
  Query query(database, "SELECT number IS NULL, number, bytes, bytes IS NULL FROM things");
  ASSERT_TRUE(query.next());
  EXPECT_EQ(query.integer(0), 1);
  EXPECT_TRUE(std::isnan(query.real(1)));
  EXPECT_EQ(query.int32s(2), ranks);
  ASSERT_TRUE(query.next());
  EXPECT_EQ(query.real(1), 0.1);
  EXPECT_TRUE(query.floats(2).empty());
  EXPECT_EQ(query.integer(3), 0);  // An empty list is not a missing one.
}

TEST(Database, AnUncommittedTransactionLeavesNothing) {
  const TemporaryFolder folder;
  Database database = Database::open_for_writing(folder / "x.db");
  make_table(database);
  {
    WriteTransaction transaction(database);
    database.run("INSERT INTO things (name) VALUES ('dropped')");
  }
  EXPECT_EQ(count_things(database), 0);
  WriteTransaction transaction(database);
  database.run("INSERT INTO things (name) VALUES ('kept')");
  transaction.commit();
  EXPECT_EQ(count_things(database), 1);
}

class DatabaseJournal : public testing::TestWithParam<Journal> {};

TEST_P(DatabaseJournal, CommitsAreDurableAndReadersSeeThem) {
  const TemporaryFolder folder;
  const auto path = folder / "with ? and #.db";  // Odd names must survive SQLite's URIs.
  Database writer = Database::open_for_writing(path, GetParam());
  {
    Query mode(writer,
               "SELECT journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous");
    ASSERT_TRUE(mode.next());
    EXPECT_EQ(mode.text(0), GetParam() == Journal::Wal ? "wal" : "truncate");
    EXPECT_EQ(mode.integer(1), 2);  // FULL.
  }
  make_table(writer);
  Database reader = Database::open_for_reading(path);
  EXPECT_EQ(count_things(reader), 0);
  writer.run("INSERT INTO things (name) VALUES ('a')");
  EXPECT_EQ(count_things(reader), 1);
  EXPECT_THROW(reader.run("INSERT INTO things (name) VALUES ('b')"), Error);
}

INSTANTIATE_TEST_SUITE_P(Both, DatabaseJournal, testing::Values(Journal::Wal, Journal::Truncate));

TEST(Database, IsReadWithoutItsWriter) {
  const TemporaryFolder folder;
  const auto path = folder / "x.db";
  {
    Database writer = Database::open_for_writing(path, Journal::Wal);
    make_table(writer);
  }
  Database reader = Database::open_for_reading(path);
  EXPECT_EQ(count_things(reader), 0);
}

TEST(Database, AReaderInALongTransactionNeverStopsTheWriter) {
  const TemporaryFolder folder;
  Database writer = Database::open_for_writing(folder / "x.db", Journal::Wal);
  make_table(writer);
  Database reader = Database::open_for_reading(folder / "x.db");
  reader.run_script("BEGIN");
  EXPECT_EQ(count_things(reader), 0);
  const std::string text(100000, 'x');
  for (int i = 0; i < 100; ++i) writer.run("INSERT INTO things (name) VALUES (?)", text);
  EXPECT_EQ(count_things(writer), 100);
  EXPECT_EQ(count_things(reader), 0);  // It still sees what it began with.
  reader.run_script("COMMIT");
  EXPECT_EQ(count_things(reader), 100);
}

TEST(Database, JournalFollowsTheFileSystem) {
  for (const uint32_t network : {0x6969U, 0xff534d42U, 0x0bd00bd0U, 0x47504653U}) {
    EXPECT_EQ(journal_for_type(network), Journal::Truncate);  // NFS, CIFS, Lustre, GPFS.
  }
  for (const uint32_t local : {0xef53U, 0x58465342U, 0x9123683eU, 0x01021994U, 0x794c7630U}) {
    EXPECT_EQ(journal_for_type(local), Journal::Wal);  // ext4, XFS, btrfs, tmpfs, overlayfs.
  }
  EXPECT_EQ(journal_for("/proc/x.db"), Journal::Wal);
}

}  // namespace
}  // namespace seqsweep
