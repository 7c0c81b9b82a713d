#include "core/lm/config_file.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/text.h"

namespace seqsweep {

bool ConfigFile::has(const char* key) const {
  const auto found = json_.find(key);
  return found != json_.end() && !found->is_null();
}

template <typename T>
T ConfigFile::read(const char* key, const T& otherwise, const char* type) const {
  if (!has(key)) return otherwise;
  try {
    return json_.at(key).get<T>();
  } catch (const Json::exception&) {
    throw_input("config.json: {}: must be {}, is {}", key, type, printable(json_.at(key).dump()));
  }
}

int64_t ConfigFile::size(const char* key) const {
  if (!has(key)) throw_input("config.json: {}: is missing", key);
  return size(key, 0);
}

int64_t ConfigFile::size(const char* key, int64_t otherwise) const {
  const auto value = read<int64_t>(key, otherwise, "an integer");
  if (value < 1 || value > (int64_t{1} << 32)) {
    throw_input("config.json: {}: must be from 1 to 2^32, is {}", key, value);
  }
  return value;
}

int64_t ConfigFile::divisor(const char* key, int64_t of) const {
  const int64_t value = size(key);
  if (of % value != 0) throw_input("config.json: {}: must divide {}, is {}", key, of, value);
  return value;
}

double ConfigFile::number(const char* key, double otherwise) const {
  return read<double>(key, otherwise, "a number");
}

bool ConfigFile::flag(const char* key, bool otherwise) const {
  return read<bool>(key, otherwise, "true or false");
}

std::string ConfigFile::text(const char* key, const std::string& otherwise) const {
  return read<std::string>(key, otherwise, "text");
}

void ConfigFile::require(const char* key, const std::string& otherwise,
                         const std::vector<std::string>& valid) const {
  const std::string value = text(key, otherwise);
  if (std::ranges::find(valid, value) == valid.end()) {
    throw_input("config.json: {}: must be {}, is '{}'", key, join(valid, " or "), printable(value));
  }
}

void ConfigFile::require_flag(const char* key, bool valid) const {
  if (flag(key, valid) != valid) {
    throw_input("config.json: {}: must be {}, is {}", key, valid, !valid);
  }
}

}  // namespace seqsweep
