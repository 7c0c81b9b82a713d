// Lines of a text file, plain or gzip (told apart by its first bytes), in one pass: a background
// thread reads and inflates the next block while the caller parses this one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace seqsweep {

class LineReader {
 public:
  // After every line at least this many bytes can be read (simdjson asks for it).
  static constexpr size_t kPadding = 64;

  // Throws Error (Fault::Input) that names the path when it cannot be read; so does next().
  explicit LineReader(std::filesystem::path path, size_t block_bytes = size_t{4} << 20);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line that is not empty, without its line end (LF or CRLF) and without a byte order
  // mark; nothing at the end. Valid and writable until the next call.
  std::optional<std::span<char>> next();
  int64_t line_number() const { return line_number_; }  // Of the last line, from 1.
  const std::filesystem::path& path() const { return path_; }
  // About how many lines the file has, by those read so far; 0 when nobody knows (gzip).
  int64_t expected_lines() const;

 private:
  struct Block {
    std::vector<char> bytes;
    size_t size = 0;
    bool plain = true, last = false;
  };
  Block fill(Block block) const;  // Reads until the block is full or the file ends.
  void start_reading(Block block);
  bool next_block();

  std::filesystem::path path_;
  size_t block_bytes_;
  void* file_;  // gzFile
  std::future<Block> reading_;
  Block block_, spare_;
  char* next_ = nullptr;
  char* end_ = nullptr;  // Of the whole lines in block_.
  int64_t line_number_ = 0;
};

// The text when it is valid UTF-8, else the text read as Latin-1: what leaves the readers is UTF-8.
std::string to_utf8(std::string_view text);

}  // namespace seqsweep
