#include "core/text/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kHeaderMost = 100'000'000;  // As in the format's own library.
constexpr const char* kMetadata = "__metadata__";

constexpr std::array<std::pair<std::string_view, size_t>, 16> kDtypes = {{
    {"BOOL", 1},
    {"U8", 1},
    {"I8", 1},
    {"F8_E4M3", 1},
    {"F8_E5M2", 1},
    {"U16", 2},
    {"I16", 2},
    {"F16", 2},
    {"BF16", 2},
    {"U32", 4},
    {"I32", 4},
    {"F32", 4},
    {"U64", 8},
    {"I64", 8},
    {"F64", 8},
    {"C64", 8},
}};

// Bytes of a tensor; nothing when the shape overflows, be it beside an extent of 0: who computes
// strides from it would overflow.
std::optional<uint64_t> tensor_size(std::string_view dtype, const std::vector<int64_t>& shape) {
  auto size = static_cast<int64_t>(dtype_size(dtype));
  bool empty = false;
  for (const int64_t extent : shape) {
    empty |= extent == 0;
    if (extent != 0 && __builtin_mul_overflow(size, extent, &size)) return std::nullopt;
  }
  return empty ? 0 : static_cast<uint64_t>(size);
}

// Reads the header of one file; every complaint names the file.
struct HeaderReader {
  const std::filesystem::path& path;
  std::span<const std::byte> file;

  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) const {
    throw_input("{}: not a valid safetensors file: {}; copy or download it again",
                printable(path.string()), fmt::format(text, std::forward<Args>(args)...));
  }

  uint64_t header_length() const {
    if (file.size() < kLengthBytes) fail("it has {} bytes, a header needs 8", file.size());
    uint64_t length = 0;
    std::memcpy(&length, file.data(), kLengthBytes);
    if (length > kHeaderMost || length > file.size() - kLengthBytes) {
      fail("its header claims {} bytes, the file has {}", length, file.size());
    }
    return length;
  }

  Json header(uint64_t length) const {
    const char* text = reinterpret_cast<const char*>(file.data()) + kLengthBytes;
    if (length == 0 || text[0] != '{') fail("its header is no JSON map");
    std::set<std::string> names;
    const auto no_name_twice = [&](int depth, Json::parse_event_t event, Json& parsed) {
      if (event == Json::parse_event_t::key && depth == 1 &&
          !names.insert(parsed.get<std::string>()).second) {
        fail("tensor '{}' comes twice", printable(parsed.get<std::string>()));
      }
      return true;
    };
    try {
      return Json::parse(text, text + length, no_name_twice);
    } catch (const Json::exception& error) {
      fail("its header is no JSON map ({})", printable(error.what()));
    }
  }

  // `data` is what follows the header.
  TensorBytes tensor(const std::string& name, const Json& entry,
                     std::span<const std::byte> data) const {
    const std::string shown = printable(name);
    const auto count = [](const Json& x) {
      return x.is_number_unsigned() && x.get<uint64_t>() <= INT64_MAX;
    };
    const auto counts = [&](const Json& x) {
      return x.is_array() && std::all_of(x.begin(), x.end(), count);
    };
    if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
        !entry.contains("shape") || !counts(entry["shape"]) || !entry.contains("data_offsets") ||
        !counts(entry["data_offsets"]) || entry["data_offsets"].size() != 2) {
      fail("tensor '{}' needs a dtype, a shape and two data_offsets", shown);
    }
    TensorBytes tensor{.name = name, .dtype = entry["dtype"], .shape = entry["shape"]};
    if (dtype_size(tensor.dtype) == 0) {
      fail("tensor '{}' has the unknown dtype '{}'", shown, printable(tensor.dtype));
    }
    const uint64_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
    if (begin > end || end > data.size()) {
      fail("tensor '{}' lies at [{}, {}) of {} bytes", shown, begin, end, data.size());
    }
    if (tensor_size(tensor.dtype, tensor.shape) != end - begin) {
      fail("tensor '{}' of dtype {} and shape {} has {} bytes", shown, tensor.dtype,
           entry["shape"].dump(), end - begin);
    }
    tensor.bytes = data.subspan(begin, end - begin);
    return tensor;
  }

  std::map<std::string, std::string> metadata(const Json& entry) const {
    if (!entry.is_object()) fail("__metadata__ is no map");
    std::map<std::string, std::string> texts;
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) fail("__metadata__ '{}' is no text", printable(key));
      texts[key] = value;
    }
    return texts;
  }

  // In the order of their bytes, which fill the data without a hole or an overlap.
  void order(std::vector<TensorBytes>& tensors, std::span<const std::byte> data) const {
    std::sort(tensors.begin(), tensors.end(), [](const TensorBytes& a, const TensorBytes& b) {
      return std::make_tuple(a.bytes.data(), a.bytes.size(), std::string_view(a.name)) <
             std::make_tuple(b.bytes.data(), b.bytes.size(), std::string_view(b.name));
    });
    const std::byte* next = data.data();
    for (const TensorBytes& tensor : tensors) {
      if (tensor.bytes.data() != next) {
        fail("tensor '{}' {} the one before it", printable(tensor.name),
             tensor.bytes.data() < next ? "overlaps" : "leaves a hole after");
      }
      next += tensor.bytes.size();
    }
    if (next != data.data() + data.size()) {
      fail("{} bytes after the last tensor belong to none", data.data() + data.size() - next);
    }
  }
};

std::string header_text(const std::vector<TensorBytes>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  uint64_t begin = 0;
  for (const TensorBytes& tensor : tensors) {
    SEQ_CHECK(dtype_size(tensor.dtype) > 0 && tensor.name != kMetadata);
    SEQ_CHECK(tensor_size(tensor.dtype, tensor.shape) == tensor.bytes.size());
    SEQ_CHECK(!header.contains(tensor.name));
    const uint64_t end = begin + tensor.bytes.size();
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  // Invalid UTF-8 in a text becomes U+FFFD: the header must be readable whatever a title holds.
  std::string text = dump(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // The tensors begin at a multiple of 8.
  return text;
}

}  // namespace

size_t dtype_size(std::string_view dtype) {
  for (const auto& [name, size] : kDtypes) {
    if (name == dtype) return size;
  }
  return 0;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  const HeaderReader reader{path, file_.bytes()};
  const uint64_t length = reader.header_length();
  const Json header = reader.header(length);
  const auto data = file_.bytes().subspan(kLengthBytes + length);
  for (const auto& [name, entry] : header.items()) {
    if (name == kMetadata) {
      metadata_ = reader.metadata(entry);
    } else {
      tensors_.push_back(reader.tensor(name, entry, data));
    }
  }
  reader.order(tensors_, data);
}

const TensorBytes* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(),
                                  [&](const TensorBytes& tensor) { return tensor.name == name; });
  return found == tensors_.end() ? nullptr : &*found;
}

std::string write_safetensors(const std::filesystem::path& path, std::vector<TensorBytes> tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorBytes& a, const TensorBytes& b) {
    const size_t a_size = dtype_size(a.dtype), b_size = dtype_size(b.dtype);
    return a_size != b_size ? a_size > b_size : a.name < b.name;
  });
  const std::string header = header_text(tensors, metadata);
  const uint64_t length = header.size();
  AtomicFile file(path);
  Sha256 hash;
  const auto write = [&](const void* data, size_t bytes) {
    file.write(data, bytes);
    hash.update(data, bytes);
  };
  write(&length, kLengthBytes);
  write(header.data(), header.size());
  for (const TensorBytes& tensor : tensors) write(tensor.bytes.data(), tensor.bytes.size());
  file.commit();
  return hash.hex();
}

}  // namespace seqsweep
