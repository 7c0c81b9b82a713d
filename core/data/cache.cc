#include "core/data/cache.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/base/check.h"
#include "core/base/error.h"

namespace seqsweep {
namespace {

constexpr std::array<char, 8> kMagic = {'s', 'e', 'q', 's', 'w', 'e', 'e', 'p'};
constexpr uint32_t kVersion = 1;
constexpr size_t kAlignment = 64;
constexpr size_t kHashDigits = 64;

enum Column : size_t {
  kStamps,
  kOffsets,
  kItems,
  kRatings,
  kTimestamps,
  kTitleEnds,
  kTitles,
  kItemKeyEnds,
  kItemKeys,
  kUserKeyEnds,
  kUserKeys,
  kColumns,
};

struct Extent {
  uint64_t offset = 0, bytes = 0;
};

// Written as it lies in memory: caches are read on the kind of machine that wrote them, and another
// byte order fails the version check.
struct Header {
  std::array<char, 8> magic = kMagic;
  uint32_t version = kVersion;
  uint32_t ties = 0;
  uint32_t header_crc = 0;   // Of the header with this field 0.
  uint32_t content_crc = 0;  // Of everything after the header.
  std::array<char, kHashDigits> settings_hash{}, raw_hash{};
  int64_t users = 0, items = 0, interactions = 0;
  int64_t raw_users = 0, raw_items = 0, raw_interactions = 0, malformed_rows = 0, short_users = 0;
  uint64_t file_bytes = 0;
  std::array<Extent, kColumns> columns{};
};
static_assert(std::is_trivially_copyable_v<Header>);

uint32_t crc(uint32_t before, const void* data, size_t bytes) {
  if (bytes == 0) return before;  // zlib takes a null pointer for a request to start.
  return static_cast<uint32_t>(::crc32_z(before, static_cast<const Bytef*>(data), bytes));
}

uint32_t header_crc(Header header) {
  header.header_crc = 0;
  return crc(0, &header, sizeof header);
}

size_t aligned(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::array<char, kHashDigits> digits_of(const std::string& hash) {
  SEQ_CHECK(hash.size() == kHashDigits);
  std::array<char, kHashDigits> digits;
  std::copy(hash.begin(), hash.end(), digits.begin());
  return digits;
}

struct TextView {
  std::span<const int64_t> ends;
  const char* bytes = nullptr;

  std::string_view at(int64_t index) const {
    const auto i = static_cast<size_t>(index);
    const int64_t begin = i == 0 ? 0 : ends[i - 1];
    return {bytes + begin, static_cast<size_t>(ends[i] - begin)};
  }
};

// Never below the value before and never above `limit`.
bool rises(std::span<const int64_t> values, int64_t limit) {
  int64_t before = 0;
  for (const int64_t value : values) {
    if (value < before) return false;
    before = value;
  }
  return before <= limit;
}

class MappedDataset final : public CachedDataset {
 public:
  MappedDataset(MappedFile file, std::string name, int64_t max_length)
      : file_(std::move(file)), name_(std::move(name)), max_length_(max_length) {}

  // What is wrong with the file, or nullptr. Nothing else may be called before it returned nullptr.
  const char* load() {
    const auto bytes = file_.bytes();
    if (bytes.size() < sizeof(Header)) return "it is shorter than its header";
    std::memcpy(&header_, bytes.data(), sizeof header_);
    if (header_.magic != kMagic) return "it is no cache of seqsweep";
    if (header_.version != kVersion) return "it has another version";
    if (header_.header_crc != header_crc(header_)) return "its header is damaged";
    if (header_.file_bytes != bytes.size()) return "it is cut off";
    const auto content = bytes.subspan(sizeof(Header));
    if (header_.content_crc != crc(0, content.data(), content.size()))
      return "its checksum is wrong";
    if (!find_columns() || !consistent()) return "its columns contradict each other";
    origin_.settings_hash.assign(header_.settings_hash.begin(), header_.settings_hash.end());
    origin_.raw_hash.assign(header_.raw_hash.begin(), header_.raw_hash.end());
    preparation_ = {.raw_users = header_.raw_users,
                    .raw_items = header_.raw_items,
                    .raw_interactions = header_.raw_interactions,
                    .malformed_rows = header_.malformed_rows,
                    .short_users = header_.short_users,
                    .ties = static_cast<TieRule>(header_.ties)};
    return nullptr;
  }

  const std::string& name() const override { return name_; }
  int64_t users() const override { return header_.users; }
  int64_t items() const override { return header_.items; }
  int64_t interactions() const override { return header_.interactions; }
  int64_t max_length() const override { return max_length_; }
  History sequence(int64_t user) const override { return of_user(items_, user); }
  std::span<const float> ratings(int64_t user) const override { return of_user(ratings_, user); }
  std::span<const int64_t> timestamps(int64_t user) const override {
    return of_user(timestamps_, user);
  }
  std::string_view title(int64_t item) const override { return titles_.at(item); }
  std::string_view item_key(int64_t item) const override { return item_keys_.at(item); }
  std::string_view user_key(int64_t user) const override { return user_keys_.at(user); }
  const CacheOrigin& origin() const override { return origin_; }
  const Preparation& preparation() const override { return preparation_; }

 private:
  template <typename T>
  std::span<const T> of_user(std::span<const T> column, int64_t user) const {
    if (column.empty()) return {};
    const auto u = static_cast<size_t>(user);
    return column.subspan(static_cast<size_t>(offsets_[u]),
                          static_cast<size_t>(offsets_[u + 1] - offsets_[u]));
  }

  template <typename T>
  bool find(Column column, std::span<const T>& out) const {
    const auto [offset, bytes] = header_.columns[column];
    const auto all = file_.bytes();
    if (offset % kAlignment != 0 || offset > all.size() || bytes > all.size() - offset ||
        bytes % sizeof(T) != 0) {
      return false;
    }
    out = {reinterpret_cast<const T*>(all.data() + offset), bytes / sizeof(T)};
    return true;
  }

  bool find_texts(Column ends, Column texts, int64_t count, TextView& out) const {
    std::span<const char> bytes;
    if (!find(ends, out.ends) || !find(texts, bytes)) return false;
    out.bytes = bytes.data();
    return std::ssize(out.ends) == count && rises(out.ends, std::ssize(bytes));
  }

  bool find_columns() {
    std::span<const FileStamp> stamps;
    if (!find(kStamps, stamps)) return false;
    origin_.stamps.assign(stamps.begin(), stamps.end());
    return find(kOffsets, offsets_) && find(kItems, items_) && find(kRatings, ratings_) &&
           find(kTimestamps, timestamps_) &&
           find_texts(kTitleEnds, kTitles, header_.items, titles_) &&
           find_texts(kItemKeyEnds, kItemKeys, header_.items, item_keys_) &&
           find_texts(kUserKeyEnds, kUserKeys, header_.users, user_keys_);
  }

  bool consistent() const {
    const int64_t rows = header_.interactions;
    const auto none_or_all = [&](auto column) {
      return column.empty() || std::ssize(column) == rows;
    };
    return std::ssize(offsets_) == header_.users + 1 && offsets_.front() == 0 &&
           offsets_.back() == rows && rises(offsets_, rows) && std::ssize(items_) == rows &&
           none_or_all(ratings_) && none_or_all(timestamps_) &&
           std::all_of(items_.begin(), items_.end(),
                       [&](int32_t item) { return item >= 0 && item < header_.items; }) &&
           header_.ties <= static_cast<uint32_t>(TieRule::ItemKey);
  }

  MappedFile file_;
  std::string name_;
  int64_t max_length_;
  Header header_;
  CacheOrigin origin_;
  Preparation preparation_;
  std::span<const int64_t> offsets_;
  std::span<const int32_t> items_;
  std::span<const float> ratings_;
  std::span<const int64_t> timestamps_;
  TextView titles_, item_keys_, user_keys_;
};

}  // namespace

FileStamp stamp_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw_input("{}: cannot read: {}", path.string(), std::strerror(errno));
  }
  const auto ns = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
  return {.bytes = status.st_size,
          .modified_ns = ns(status.st_mtim),
          .changed_ns = ns(status.st_ctim),
          .inode = static_cast<int64_t>(status.st_ino)};
}

void write_cache(const std::filesystem::path& path, const CacheOrigin& origin,
                 const PreparedData& data) {
  const UserSequences& sequences = data.sequences;
  const std::array<std::span<const std::byte>, kColumns> columns = {
      std::as_bytes(std::span(origin.stamps)),        std::as_bytes(std::span(sequences.offsets)),
      std::as_bytes(std::span(sequences.items)),      std::as_bytes(std::span(sequences.ratings)),
      std::as_bytes(std::span(sequences.timestamps)), std::as_bytes(std::span(data.titles.ends)),
      std::as_bytes(std::span(data.titles.bytes)),    std::as_bytes(std::span(data.item_keys.ends)),
      std::as_bytes(std::span(data.item_keys.bytes)), std::as_bytes(std::span(data.user_keys.ends)),
      std::as_bytes(std::span(data.user_keys.bytes)),
  };
  Header header{.ties = static_cast<uint32_t>(data.preparation.ties),
                .settings_hash = digits_of(origin.settings_hash),
                .raw_hash = digits_of(origin.raw_hash),
                .users = std::ssize(data.user_keys.ends),
                .items = std::ssize(data.item_keys.ends),
                .interactions = std::ssize(sequences.items),
                .raw_users = data.preparation.raw_users,
                .raw_items = data.preparation.raw_items,
                .raw_interactions = data.preparation.raw_interactions,
                .malformed_rows = data.preparation.malformed_rows,
                .short_users = data.preparation.short_users};
  constexpr std::array<std::byte, kAlignment> kZeros{};
  size_t end = sizeof(Header);
  const auto for_each_piece = [&](auto&& use) {  // Columns and the gaps before them, in file order.
    end = sizeof(Header);
    for (size_t i = 0; i < kColumns; ++i) {
      const size_t begin = aligned(end);
      use(std::span(kZeros).first(begin - end));
      use(columns[i]);
      header.columns[i] = {begin, columns[i].size()};
      end = begin + columns[i].size();
    }
  };
  for_each_piece([&](std::span<const std::byte> piece) {
    header.content_crc = crc(header.content_crc, piece.data(), piece.size());
  });
  header.file_bytes = end;
  header.header_crc = header_crc(header);
  AtomicFile file(path);
  file.write(&header, sizeof header);
  for_each_piece([&](std::span<const std::byte> piece) { file.write(piece.data(), piece.size()); });
  file.commit();
}

OpenedCache open_cache(const std::filesystem::path& path, std::string name, int64_t max_length) {
  auto dataset = std::make_shared<MappedDataset>(MappedFile(path), std::move(name), max_length);
  if (const char* damage = dataset->load()) return {.damage = damage};
  return {.dataset = std::move(dataset)};
}

}  // namespace seqsweep
