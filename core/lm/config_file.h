// What config.json of a Hugging Face folder says, with errors that name the key, what is valid and
// what came.
#pragma once

#include <string>
#include <vector>

#include "core/base/config.h"

namespace seqsweep {

class ConfigFile {
 public:
  explicit ConfigFile(const Json& json) : json_(json) {}  // Borrowed.

  bool has(const char* key) const;      // Present and not null.
  int64_t size(const char* key) const;  // At least 1.
  int64_t size(const char* key, int64_t otherwise) const;
  int64_t divisor(const char* key, int64_t of) const;  // A size that divides `of`.
  double number(const char* key, double otherwise) const;
  bool flag(const char* key, bool otherwise) const;
  std::string text(const char* key, const std::string& otherwise) const;
  // Throws unless the text is one of `valid`.
  void require(const char* key, const std::string& otherwise,
               const std::vector<std::string>& valid) const;
  // Throws unless the flag is `valid`, which it also is where it is missing.
  void require_flag(const char* key, bool valid) const;
  const Json& json() const { return json_; }

 private:
  template <typename T>
  T read(const char* key, const T& otherwise, const char* type) const;
  const Json& json_;
};

}  // namespace seqsweep
