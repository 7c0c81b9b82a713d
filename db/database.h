// One connection to a seqsweep database, with prepared statements kept, transactions, and SQLite's
// errors told as Error: Fault::Input when the file cannot be used as asked, Fault::DiskFull when
// there is no room, Fault::World otherwise. A connection belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace SQLite {
class Database;
class Exception;
class Statement;
}  // namespace SQLite

namespace seqsweep {

enum class Journal {
  Wal,       // Readers and the writer never wait for each other. Local disks.
  Truncate,  // Works on network file systems, where WAL's shared memory does not.
};
// What suits the file system that the path is on, or will be; by the number statfs() gives it.
Journal journal_for(const std::filesystem::path& path);
Journal journal_for_type(uint32_t file_system);

struct SqlRows;

std::string sqlite_version();  // "3.40.1"

class Database {
 public:
  // Makes the file when it is missing and brings an older schema up to date. Every commit is on
  // the disk when it returns. Fault::Input: not writable, no SQLite file, not of seqsweep, or of a
  // newer schema.
  static Database open_for_writing(const std::filesystem::path& path);
  static Database open_for_writing(const std::filesystem::path& path, Journal journal);
  // Works while a writer is at it, and never disturbs it.
  static Database open_for_reading(const std::filesystem::path& path);

  Database(Database&& other) noexcept;
  ~Database();

  const std::filesystem::path& path() const { return path_; }

  // From here on a commit is on the disk after the next sync(), one wait for many. Until then a
  // power failure, though no death of a process, may take back the last ones. Only with
  // Journal::Wal; else every commit stays on the disk when it returns.
  void commit_together();
  // Fault::World when the disk fails, after which nothing is known: not to be repeated.
  void sync();

  // A whole copy in one file, also while a writer is at it, which a copy of the file would not be.
  // Fault::Input when the target exists.
  void copy_to(const std::filesystem::path& target);

  // Runs a statement that returns no rows; returns how many rows it changed.
  template <typename... Args>
  int64_t run(std::string_view sql, const Args&... args);
  void run_script(const std::string& sql);  // Several statements, no parameters.

 private:
  friend class Query;
  friend SqlRows ask(Database& database, const std::string& sql);  // db/user_query.h
  friend class WriteTransaction;

  Database(const std::filesystem::path& path, std::unique_ptr<SQLite::Database> handle);
  SQLite::Statement& statement(std::string_view sql);
  int64_t changed_rows() const;
  [[noreturn]] void fail(const SQLite::Exception& error) const;

  std::filesystem::path path_;
  std::unique_ptr<SQLite::Database> handle_;
  std::unordered_map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
  std::unique_ptr<int> log_pages_;  // After commit_together(): pages in the write-ahead log.
  bool unsynced_ = false;
};

// One use of a prepared statement, which is free again when this ends. Parameters are integers,
// doubles (NaN becomes NULL), text, vectors of float or int32 (BLOBs), and optionals of these.
class Query {
 public:
  template <typename... Args>
  Query(Database& database, std::string_view sql, const Args&... args)
      : database_(database), statement_(database.statement(sql)) {
    (bind(args), ...);
  }
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  bool next();  // Goes to the next row, if there is one.

  // Columns of the row, from 0. NULL reads as 0, NaN, "" and empty.
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  std::optional<int64_t> optional_integer(int column) const;
  std::vector<int32_t> int32s(int column) const;
  std::vector<float> floats(int column) const;

 private:
  template <typename T>
  void bind(const T& value) {
    if constexpr (std::is_integral_v<T>) {
      bind_integer(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      bind_real(value);
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
      bind_text(value);
    } else {
      bind_bytes(value.data(), value.size() * sizeof(value[0]));
    }
  }
  template <typename T>
  void bind(const std::optional<T>& value) {
    value ? bind(*value) : bind_null();
  }
  template <typename T>
  std::vector<T> blob(int column) const;
  void bind_integer(int64_t value);
  void bind_real(double value);
  void bind_text(std::string_view value);
  void bind_bytes(const void* data, size_t bytes);
  void bind_null();

  Database& database_;
  SQLite::Statement& statement_;
  int bound_ = 0;
};

template <typename... Args>
int64_t Database::run(std::string_view sql, const Args&... args) {
  Query(*this, sql, args...).next();
  return changed_rows();
}

// Takes the write lock at once; rolls back unless committed.
class WriteTransaction {
 public:
  explicit WriteTransaction(Database& database);
  ~WriteTransaction();
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;

  void commit();  // On the disk when it returns, or after sync() (commit_together()).

 private:
  Database& database_;
};

}  // namespace seqsweep
