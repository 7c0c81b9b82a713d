#include "db/database.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sqlite3.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <system_error>

#include "core/base/error.h"
#include "core/base/text.h"
#include "db/schema.h"

namespace seqsweep {
namespace {

static_assert(std::endian::native == std::endian::little, "BLOBs are little-endian");

// How long a statement waits for another program's lock.
constexpr int kWriterPatienceMs = 30000;
constexpr int kReaderPatienceMs = 10000;
constexpr int kLogPagesMax = 1000;  // Of the write-ahead log, before it is copied. SQLite's own.

std::string shown(const std::filesystem::path& path) {
  return printable(path.string());
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

std::string free_space(const std::filesystem::path& path) {
  std::error_code failed;
  const auto space = std::filesystem::space(folder_of(path), failed);
  return failed ? "an unknown amount" : human_bytes(space.available);
}

bool no_room(sqlite3* handle, int code) {
  if (code == SQLITE_FULL) return true;
  const int cause = sqlite3_system_errno(handle);
  return code == SQLITE_IOERR && (cause == ENOSPC || cause == EDQUOT);
}

// Tells an error of SQLite as ours.
[[noreturn]] void throw_sqlite_error(const std::filesystem::path& path, sqlite3* handle,
                                     const SQLite::Exception& error) {
  const int code = error.getErrorCode() & 0xff;
  if (no_room(handle, code)) {
    throw Error(Fault::DiskFull,
                fmt::format("database '{}': no room to write ({} free on its disk); what was "
                            "committed is safe: make room and go on",
                            shown(path), free_space(path)));
  }
  switch (code) {
    case SQLITE_NOTADB:
      throw_input("database '{}': the file is no SQLite database; give another path", shown(path));
    case SQLITE_BUSY:
      throw_world("database '{}': another program keeps it locked; end that program", shown(path));
    case SQLITE_CORRUPT:
      throw_world("database '{}': the file is damaged ({}); restore it from a copy", shown(path),
                  error.what());
    default:
      throw_world("database '{}': {} (SQLite error {}); {} free on its disk", shown(path),
                  error.what(), error.getExtendedErrorCode(), free_space(path));
  }
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw_input("database '{}': {}", shown(path), why);
}

// SQLite itself says only "unable to open database file".
void require_access(const std::filesystem::path& path, int mode) {
  std::error_code failed;
  if (path.empty()) throw_input("database: its path is empty; give a file");
  if (std::filesystem::is_directory(path, failed)) refuse(path, "is a folder; give a file");
  const bool fresh = mode == W_OK && !std::filesystem::exists(path, failed);
  if (fresh && std::filesystem::exists(folder_of(path), failed) &&
      !std::filesystem::is_directory(folder_of(path), failed)) {
    refuse(path, "cannot be written: Not a directory");
  }
  if (access(fresh ? folder_of(path).c_str() : path.c_str(), mode) == 0) return;
  refuse(path,
         fmt::format("cannot be {}: {}", mode == W_OK ? "written" : "read", std::strerror(errno)));
}

std::unique_ptr<SQLite::Database> open_handle(const std::filesystem::path& path,
                                              const std::string& name, int flags, int patience_ms) {
  try {
    return std::make_unique<SQLite::Database>(name, flags, patience_ms);
  } catch (const SQLite::Exception& error) {
    refuse(path, fmt::format("cannot be opened: {}", error.what()));
  }
}

// The path as a file: URI with options; everything but plain characters is percent-encoded.
std::string uri_of(const std::filesystem::path& path, std::string_view options) {
  std::string uri = "file:";
  for (const unsigned char c : std::filesystem::absolute(path).string()) {
    const bool plain = std::isalnum(c) || std::strchr("/-_.", c) != nullptr;
    uri += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  return fmt::format("{}?{}", uri, options);
}

}  // namespace

Journal journal_for_type(uint32_t file_system) {
  // Not in linux/magic.h: newer SMB, and cluster file systems. FUSE may be one of them.
  constexpr uint32_t kCifs = 0xff534d42, kSmb2 = 0xfe534d42, kLustre = 0x0bd00bd0,
                     kGpfs = 0x47504653, kBeeGfs = 0x19830326, kFuse = 0x65735546;
  constexpr uint32_t kNetwork[] = {NFS_SUPER_MAGIC,
                                   SMB_SUPER_MAGIC,
                                   AFS_SUPER_MAGIC,
                                   V9FS_MAGIC,
                                   CODA_SUPER_MAGIC,
                                   CEPH_SUPER_MAGIC,
                                   kCifs,
                                   kSmb2,
                                   kLustre,
                                   kGpfs,
                                   kBeeGfs,
                                   kFuse};
  const bool network = std::ranges::find(kNetwork, file_system) != std::end(kNetwork);
  return network ? Journal::Truncate : Journal::Wal;
}

Journal journal_for(const std::filesystem::path& path) {
  struct statfs about {};
  if (statfs(folder_of(path).c_str(), &about) != 0) return Journal::Truncate;  // Safe anywhere.
  return journal_for_type(static_cast<uint32_t>(about.f_type));
}

std::string sqlite_version() {
  return sqlite3_libversion();
}

Database::Database(const std::filesystem::path& path, std::unique_ptr<SQLite::Database> handle)
    : path_(path), handle_(std::move(handle)) {}

Database::Database(Database&&) noexcept = default;
Database::~Database() = default;

Database Database::open_for_writing(const std::filesystem::path& path) {
  return open_for_writing(path, journal_for(path));
}

Database Database::open_for_writing(const std::filesystem::path& path, Journal journal) {
  require_access(path, W_OK);
  Database database(path,
                    open_handle(path, path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                                kWriterPatienceMs));
  database.run_script("PRAGMA synchronous = FULL");
  require_own_file(database);
  database.run(journal == Journal::Wal ? "PRAGMA journal_mode = WAL"
                                       : "PRAGMA journal_mode = TRUNCATE");
  bring_up_to_date(database);
  database.run_script("PRAGMA foreign_keys = ON");  // After migrations, which may rebuild tables.
  return database;
}

Database Database::open_for_reading(const std::filesystem::path& path) {
  require_access(path, R_OK);
  // Beside a database in WAL, SQLite wants to make a file. In a folder where it cannot, nobody
  // writes either.
  const bool frozen = access(folder_of(path).c_str(), W_OK) != 0 &&
                      !std::filesystem::exists(path.string() + "-wal");
  Database database(path,
                    open_handle(path, uri_of(path, frozen ? "mode=ro&immutable=1" : "mode=ro"),
                                SQLite::OPEN_READONLY | SQLite::OPEN_URI, kReaderPatienceMs));
  require_own_file(database);
  require_current_schema(database);
  return database;
}

// SQLite waits for its write-ahead log at each commit, or never. It lends the file, so that we can.
// Nor may it copy the log into the database by itself, which it does on the way of a commit and
// without a word when the disk fails: sync() is then told nothing either.
void Database::commit_together() {
  Query journal(*this, "PRAGMA journal_mode");
  if (!journal.next() || journal.text(0) != "wal") return;
  run_script("PRAGMA synchronous = NORMAL");
  log_pages_ = std::make_unique<int>(0);
  const auto note_pages = [](void* pages, sqlite3*, const char*, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(handle_->getHandle(), note_pages, log_pages_.get());
}

void Database::sync() {
  if (!unsynced_) return;
  sqlite3* handle = handle_->getHandle();
  sqlite3_file* log = nullptr;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (log != nullptr && log->pMethods != nullptr) {  // None: it has another journal by now.
    const int result = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    if (result != SQLITE_OK) {
      throw_world(
          "database '{}': the disk failed to keep what was written (SQLite error {}); {} free",
          shown(path_), result, free_space(path_));
    }
  }
  unsynced_ = false;
  if (*log_pages_ < kLogPagesMax) return;
  sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

void Database::copy_to(const std::filesystem::path& target) {
  std::error_code failed;
  if (std::filesystem::exists(target, failed)) {
    refuse(target, "exists already; give a path where there is nothing");
  }
  require_access(target, W_OK);
  // Page by page: VACUUM INTO through a connection that only reads fails on generated columns.
  const std::filesystem::path temporary = target.string() + ".part";
  std::filesystem::remove(temporary, failed);
  try {
    SQLite::Database copy(temporary.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    const int result = SQLite::Backup(copy, *handle_).executeStep();
    if (result != SQLITE_DONE) {  // Busy and locked are not thrown.
      throw SQLite::Exception("the copy did not get through", result);
    }
    copy.exec("PRAGMA journal_mode = DELETE");  // One file, whatever the original has beside it.
  } catch (const SQLite::Exception& error) {
    std::filesystem::remove(temporary, failed);
    throw_sqlite_error(target, handle_->getHandle(), error);
  }
  std::filesystem::rename(temporary, target);
}

void Database::run_script(const std::string& sql) {
  try {
    handle_->exec(sql);
  } catch (const SQLite::Exception& error) {
    fail(error);
  }
}

void Database::fail(const SQLite::Exception& error) const {
  throw_sqlite_error(path_, handle_->getHandle(), error);
}

SQLite::Statement& Database::statement(std::string_view sql) {
  auto& statement = statements_[std::string(sql)];
  try {
    if (!statement) statement = std::make_unique<SQLite::Statement>(*handle_, std::string(sql));
  } catch (const SQLite::Exception& error) {
    fail(error);
  }
  return *statement;
}

int64_t Database::changed_rows() const {
  return sqlite3_changes64(handle_->getHandle());
}

// ---- Query ----

Query::~Query() {
  statement_.tryReset();
}

bool Query::next() {
  try {
    return statement_.executeStep();
  } catch (const SQLite::Exception& error) {
    database_.fail(error);
  }
}

int64_t Query::integer(int column) const {
  return statement_.getColumn(column).getInt64();
}

double Query::real(int column) const {
  const SQLite::Column value = statement_.getColumn(column);
  return value.isNull() ? std::numeric_limits<double>::quiet_NaN() : value.getDouble();
}

std::string Query::text(int column) const {
  return statement_.getColumn(column).getString();
}

std::optional<int64_t> Query::optional_integer(int column) const {
  if (statement_.isColumnNull(column)) return std::nullopt;
  return integer(column);
}

template <typename T>
std::vector<T> Query::blob(int column) const {
  const SQLite::Column bytes = statement_.getColumn(column);
  const void* data = bytes.getBlob();
  std::vector<T> values(bytes.getBytes() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), data, values.size() * sizeof(T));
  return values;
}

std::vector<int32_t> Query::int32s(int column) const {
  return blob<int32_t>(column);
}

std::vector<float> Query::floats(int column) const {
  return blob<float>(column);
}

void Query::bind_integer(int64_t value) {
  statement_.bind(++bound_, value);
}

void Query::bind_real(double value) {
  if (std::isnan(value)) return bind_null();
  statement_.bind(++bound_, value);
}

void Query::bind_text(std::string_view value) {
  statement_.bind(++bound_, std::string(value));
}

void Query::bind_bytes(const void* data, size_t bytes) {
  // An empty BLOB, not NULL, when there are none.
  statement_.bind(++bound_, bytes == 0 ? "" : data, static_cast<int>(bytes));
}

void Query::bind_null() {
  statement_.bind(++bound_);
}

// ---- WriteTransaction ----

WriteTransaction::WriteTransaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

WriteTransaction::~WriteTransaction() {
  // SQLite has rolled back by itself after some errors.
  sqlite3* handle = database_.handle_->getHandle();
  if (sqlite3_get_autocommit(handle) == 0) database_.handle_->tryExec("ROLLBACK");
}

void WriteTransaction::commit() {
  database_.run("COMMIT");
  database_.unsynced_ = database_.log_pages_ != nullptr;
}

}  // namespace seqsweep
