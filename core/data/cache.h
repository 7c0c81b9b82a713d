// The cache file of a prepared data set: a fixed header, then columns on 64-byte borders, opened
// with mmap. It holds a checksum and what it was made from; whatever is wrong with it is found when
// it is opened.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/files.h"
#include "core/data/chronology.h"
#include "core/data/dataset.h"

namespace seqsweep {

enum class TieRule : uint32_t { FileOrder, ItemKey };
constexpr std::array<std::pair<TieRule, const char*>, 2> enum_names(TieRule) {
  return {{{TieRule::FileOrder, "file_order"}, {TieRule::ItemKey, "item_key"}}};
}

// What the file system says of a raw file: while it is the same, the content is not hashed again.
struct FileStamp {
  int64_t bytes = 0, modified_ns = 0, changed_ns = 0, inode = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::filesystem::path& path);  // Throws Error (Fault::Input).

// What a cache was made from.
struct CacheOrigin {
  std::string settings_hash;      // SHA-256, hexadecimal: the reader and every preparation setting.
  std::string raw_hash;           // SHA-256 over the SHA-256s of the raw files.
  std::vector<FileStamp> stamps;  // Of the raw files.
};

// What preparation saw and did, for the record.
struct Preparation {
  int64_t raw_users = 0, raw_items = 0, raw_interactions = 0;
  int64_t malformed_rows = 0;
  int64_t short_users = 0;  // Of the raw users, those with fewer than 3 interactions: dropped.
  TieRule ties = TieRule::FileOrder;
};

// Texts end to end, and where each ends.
struct TextColumn {
  std::string bytes;
  std::vector<int64_t> ends;

  void add(std::string_view text) {
    bytes += text;
    ends.push_back(static_cast<int64_t>(bytes.size()));
  }
};

// All texts are UTF-8. Sizes agree: one user key a user, one title and one key an item.
struct PreparedData {
  UserSequences sequences;
  TextColumn titles, item_keys, user_keys;
  Preparation preparation;
};

// Throws Error (Fault::World) when it cannot be written.
void write_cache(const std::filesystem::path& path, const CacheOrigin& origin,
                 const PreparedData& data);

class CachedDataset : public Dataset {
 public:
  virtual const CacheOrigin& origin() const = 0;
  virtual const Preparation& preparation() const = 0;
};

// Exactly one of the two is set.
struct OpenedCache {
  std::shared_ptr<const CachedDataset> dataset;
  std::string damage;  // Why the file cannot be used.
};
// Reads the whole file once. Name and max_length are not stored: they are the user's.
OpenedCache open_cache(const std::filesystem::path& path, std::string name, int64_t max_length);

}  // namespace seqsweep
