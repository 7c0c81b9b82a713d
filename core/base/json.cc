#include "core/base/json.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

// As deep as the text is valid; what stands behind a mistake is never parsed.
bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kJsonDepthMax) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& origin) {
  if (is_too_deep(text)) {
    throw_input("{}: not valid JSON here: nested more than {} levels deep", origin, kJsonDepthMax);
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw_input("{}: not valid JSON ({})", origin, printable(error.what()));
  }
}

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : dump(value);
}

}  // namespace seqsweep
