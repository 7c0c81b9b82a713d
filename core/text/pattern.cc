#include "core/text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "core/base/error.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

// What Unicode 15 to 16 added to 14, PCRE2's of Debian 12: what it knows already does no harm.
constexpr const char* kLetters =
    R"(\p{L}\x{1c89}-\x{1c8a}\x{a7cb}-\x{a7cd}\x{a7da}-\x{a7dc}\x{105c0}-\x{105f3}\x{10d4a}-\x{10d65})"
    R"(\x{10d6f}-\x{10d85}\x{10ec2}-\x{10ec4}\x{1123f}-\x{11240}\x{11380}-\x{11389}\x{1138b})"
    R"(\x{1138e}\x{11390}-\x{113b5}\x{113b7}\x{113d1}\x{113d3}\x{11bc0}-\x{11be0}\x{11f02})"
    R"(\x{11f04}-\x{11f10}\x{11f12}-\x{11f33}\x{1342f}\x{13441}-\x{13446}\x{13460}-\x{143fa})"
    R"(\x{16100}-\x{1611d}\x{16d40}-\x{16d6c}\x{18cff}\x{1b132}\x{1b155}\x{1df25}-\x{1df2a})"
    R"(\x{1e030}-\x{1e06d}\x{1e4d0}-\x{1e4eb}\x{1e5d0}-\x{1e5ed}\x{1e5f0}\x{2b739})"
    R"(\x{2ebf0}-\x{2ee5d}\x{31350}-\x{323af})";
constexpr const char* kNumbers =
    R"(\p{N}\x{10d40}-\x{10d49}\x{116d0}-\x{116e3}\x{11bf0}-\x{11bf9}\x{11f50}-\x{11f59})"
    R"(\x{16130}-\x{16139}\x{16d70}-\x{16d79}\x{1ccf0}-\x{1ccf9}\x{1d2c0}-\x{1d2d3})"
    R"(\x{1e4f0}-\x{1e4f9}\x{1e5f1}-\x{1e5fa})";
// PCRE2's \s has U+180E besides.
constexpr const char* kSpace =
    R"(\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

struct ClassName {
  std::string_view name;
  std::string_view members;
  bool negated = false;
};

constexpr ClassName kClassNames[] = {
    {R"(\p{L})", kLetters}, {R"(\p{N})", kNumbers}, {R"(\s)", kSpace}, {R"(\S)", kSpace, true}};

// The expression with its classes spelt out. A \S within [...] stays PCRE2's.
std::string with_unicode_16(std::string_view expression) {
  std::string spelt;
  bool in_brackets = false;
  while (!expression.empty()) {
    size_t taken = expression[0] == '\\' && expression.size() > 1 ? 2 : 1;
    std::string piece(expression.substr(0, taken));
    for (const ClassName& known : kClassNames) {
      if (!expression.starts_with(known.name) || (in_brackets && known.negated)) continue;
      taken = known.name.size();
      piece = known.members;
      if (!in_brackets) piece = fmt::format("[{}{}]", known.negated ? "^" : "", known.members);
    }
    if (expression[0] == '[') in_brackets = true;
    if (expression[0] == ']') in_brackets = false;
    spelt += piece;
    expression.remove_prefix(taken);
  }
  return spelt;
}

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

Pattern::Pattern(const std::string& expression, std::string who) : who_(std::move(who)) {
  const std::string spelt = with_unicode_16(expression);
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelt.data()), spelt.size(),
                                   PCRE2_UTF | PCRE2_UCP, &error, &at, nullptr);
  if (code == nullptr) {
    throw_input("{}: the expression '{}' is not understood: {}", who_, printable(expression),
                message_of(error));
  }
  code_ =
      std::shared_ptr<void>(code, [](void* x) { pcre2_code_free(static_cast<pcre2_code*>(x)); });
  // Where there is no just-in-time compiler, matching is slower and means the same.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
}

void Pattern::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
      pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  const PCRE2_SIZE* found = pcre2_get_ovector_pointer(match.get());
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const auto search = [&](size_t from, uint32_t options) {
    return pcre2_match(code, subject, text.size(), from,
                       options | PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, match.get(), nullptr);
  };
  size_t done = 0;
  while (done < text.size()) {
    int count = search(done, 0);
    // The compiled form has little stack; the interpreter takes what it needs from the heap.
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = search(done, PCRE2_NO_JIT);
    if (count == PCRE2_ERROR_NOMATCH) break;
    if (count < 0) throw_input("{}: its expression failed on a text: {}", who_, message_of(count));
    if (found[0] > done) pieces.push_back(text.substr(done, found[0] - done));
    pieces.push_back(text.substr(found[0], found[1] - found[0]));
    done = found[1];
  }
  if (done < text.size()) pieces.push_back(text.substr(done));
}

}  // namespace seqsweep
