// JSON that someone else wrote: another program, an older version, a damaged disk.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace seqsweep {

using Json = nlohmann::json;

// Deeper nesting is damage or an attack: the library reads any depth, but it copies and writes by
// recursion, which ends the stack.
constexpr int kJsonDepthMax = 64;

// Throws Error (Fault::Input) that begins with `origin` when the text is not valid JSON or is
// nested more than kJsonDepthMax deep.
Json parse_json(std::string_view text, const std::string& origin);

// The JSON as text, on one line where indent is below 0. Bytes that are no UTF-8 become U+FFFD.
std::string dump(const Json& json, int indent = -1);
// A string as it is, anything else as JSON on one line.
std::string value_text(const Json& value);

}  // namespace seqsweep
