#include "core/data/line_reader.h"

#include <simdjson.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

constexpr size_t kLongestLine = size_t{256} << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

gzFile handle(void* file) {
  return static_cast<gzFile>(file);
}

}  // namespace

LineReader::LineReader(std::filesystem::path path, size_t block_bytes)
    : path_(std::move(path)), block_bytes_(block_bytes), file_(::gzopen(path_.c_str(), "rbe")) {
  if (!file_) throw_input("{}: cannot read: {}", path_.string(), std::strerror(errno));
  ::gzbuffer(handle(file_), 1 << 18);
  start_reading({.bytes = std::vector<char>(block_bytes_ + kPadding)});
  spare_.bytes.resize(block_bytes_ + kPadding);
}

LineReader::~LineReader() {
  if (reading_.valid()) reading_.wait();
  ::gzclose(handle(file_));
}

LineReader::Block LineReader::fill(Block block) const {
  const size_t capacity = block.bytes.size() - kPadding;
  while (block.size < capacity) {
    const int got = ::gzread(handle(file_), block.bytes.data() + block.size,
                             static_cast<unsigned>(capacity - block.size));
    int code = Z_OK;
    const char* why = ::gzerror(handle(file_), &code);
    if (code == Z_BUF_ERROR) throw_input("{}: gzip data end too early", path_.string());
    if (got < 0) {
      throw_input("{}: cannot read: {}", path_.string(),
                  code == Z_ERRNO ? std::strerror(errno) : why);
    }
    if (got == 0) {
      block.last = true;
      break;
    }
    block.size += static_cast<size_t>(got);
  }
  block.plain = ::gzdirect(handle(file_)) != 0;
  return block;
}

void LineReader::start_reading(Block block) {
  reading_ = std::async(std::launch::async, [this, moved = std::move(block)]() mutable {
    return fill(std::move(moved));
  });
}

bool LineReader::next_block() {
  if (!reading_.valid()) return false;
  block_ = reading_.get();
  const auto line_end = [&] {
    const void* found = ::memrchr(block_.bytes.data(), '\n', block_.size);
    return found ? static_cast<size_t>(static_cast<const char*>(found) - block_.bytes.data()) + 1
                 : 0;
  };
  size_t whole = block_.last ? block_.size : line_end();
  while (whole == 0 && !block_.last) {  // One line fills the block.
    if (block_.size > kLongestLine) {
      throw_input("{}:{}: line of more than {}: this is not a text file of rows", path_.string(),
                  line_number_ + 1, human_bytes(kLongestLine));
    }
    block_.bytes.resize(2 * block_.bytes.size());
    block_ = fill(std::move(block_));
    whole = block_.last ? block_.size : line_end();
  }
  if (!block_.last) {
    const size_t rest = block_.size - whole;
    const size_t needed = rest + block_bytes_ + kPadding;
    if (spare_.bytes.size() < needed) spare_.bytes.resize(needed);
    std::memcpy(spare_.bytes.data(), block_.bytes.data() + whole, rest);
    spare_.size = rest;
    start_reading(std::move(spare_));
  }
  next_ = block_.bytes.data();
  end_ = next_ + whole;
  return true;
}

std::optional<std::span<char>> LineReader::next() {
  while (true) {
    if (next_ == end_) {
      if (spare_.bytes.empty()) spare_ = std::move(block_);
      if (!next_block()) return std::nullopt;
      continue;
    }
    auto* newline = static_cast<char*>(std::memchr(next_, '\n', static_cast<size_t>(end_ - next_)));
    char* stop = newline ? newline : end_;
    char* begin = std::exchange(next_, newline ? newline + 1 : end_);
    ++line_number_;
    if (line_number_ == 1 && std::string_view(begin, stop).starts_with(kByteOrderMark)) {
      begin += kByteOrderMark.size();
    }
    if (stop > begin && stop[-1] == '\r') --stop;
    if (stop > begin) return std::span<char>(begin, stop);
  }
}

int64_t LineReader::expected_lines() const {
  if (!block_.plain || block_.size == 0) return 0;
  const auto lines = std::count(block_.bytes.data(), block_.bytes.data() + block_.size, '\n');
  const auto blocks =
      static_cast<double>(std::filesystem::file_size(path_)) / static_cast<double>(block_.size);
  return static_cast<int64_t>(static_cast<double>(lines) * blocks) + 1;
}

std::string to_utf8(std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) return std::string(text);
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0 | (byte >> 6));
      out += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return out;
}

}  // namespace seqsweep
