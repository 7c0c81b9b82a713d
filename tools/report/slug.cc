#include "tools/report/slug.h"

#include <fmt/format.h>

#include <cctype>

namespace seqsweep {
namespace {

constexpr size_t kSlugCharacters = 100;

}  // namespace

std::string make_slug(const std::string& name, std::set<std::string>& taken) {
  std::string slug = name.substr(0, kSlugCharacters);
  for (char& c : slug) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-';
    if (!plain) c = '_';
  }
  const std::string stem = slug;
  for (int serial = 2; !taken.insert(slug).second; ++serial) {
    slug = fmt::format("{}-{}", stem, serial);
  }
  return slug;
}

}  // namespace seqsweep
