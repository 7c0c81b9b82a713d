#include "core/text/tokenizer_json.h"

#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/text.h"

namespace seqsweep {
namespace {

const Json kNull = nullptr;

// {"type": "Sequence", "<members>": [...]} becomes its members, anything else itself.
void flatten(const JsonPlace& stage, const char* members, std::vector<JsonPlace>& stages) {
  if (stage.is_null()) return;
  if (stage.type() != "Sequence") {
    stages.push_back(stage);
    return;
  }
  for (const JsonPlace& member : stage[members].list()) {
    if (member.type() == "Sequence") member.fail("a Sequence within a Sequence is not supported");
    stages.push_back(member);
  }
}

// Numbers 0 to n - 1 for n texts, each once.
class TextsByNumber {
 public:
  explicit TextsByNumber(size_t entries) : texts_(entries), taken_(entries) {}

  void put(const std::string& text, const JsonPlace& number) {
    const auto token = static_cast<size_t>(number.number());
    if (token >= texts_.size()) {
      number.fail("'{}' has the id {}, but there are {} entries: ids go from 0 to {}",
                  printable(text), token, texts_.size(), texts_.size() - 1);
    }
    if (taken_[token]) {
      number.fail("'{}' and '{}' both have the id {}", printable(texts_[token]), printable(text),
                  token);
    }
    texts_[token] = text;
    taken_[token] = true;
  }
  std::vector<std::string> take() { return std::move(texts_); }

 private:
  std::vector<std::string> texts_;
  std::vector<bool> taken_;
};

std::vector<AddedToken> added_tokens(const JsonPlace& list) {
  std::vector<AddedToken> added;
  if (list.is_null()) return added;
  for (const JsonPlace& entry : list.list()) {
    added.push_back({.token = entry["id"].number(),
                     .text = entry["content"].text(),
                     .single_word = entry["single_word"].flag(false),
                     .left_strip = entry["lstrip"].flag(false),
                     .right_strip = entry["rstrip"].flag(false),
                     .normalized = entry["normalized"].flag(false),
                     .special = entry["special"].flag(false)});
    if (added.back().text.empty()) entry.fail("an added token has no content");
  }
  return added;
}

// The model's entries and the added tokens that are not among them.
Vocabulary all_entries(const JsonPlace& model_entries, const JsonPlace& added_entries) {
  const Json& entries = model_entries.object();
  std::vector<std::pair<std::string, JsonPlace>> more;
  if (!added_entries.is_null()) {
    for (const JsonPlace& entry : added_entries.list()) {
      const std::string text = entry["content"].text();
      const auto known = entries.find(text);
      if (known == entries.end()) {
        more.emplace_back(text, entry["id"]);
      } else if (model_entries[text].number() != entry["id"].number()) {
        entry.fail("'{}' has the id {} here and {} in the vocabulary", printable(text),
                   entry["id"].number(), model_entries[text].number());
      }
    }
  }
  TextsByNumber texts(entries.size() + more.size());
  for (const auto& [text, number] : entries.items()) texts.put(text, model_entries[text]);
  for (const auto& [text, number] : more) texts.put(text, number);
  return Vocabulary(texts.take());
}

// Makes the merges of one file; `where` says which, for errors.
struct MergeReader {
  const Vocabulary& vocabulary;
  std::vector<Merge> merges = {};

  void add(const std::string& left, const std::string& right, const auto& fail) {
    const auto entry = [&](const std::string& text) {
      const std::optional<int32_t> token = vocabulary.find(text);
      if (!token) {
        fail(fmt::format("merge {} ('{}' with '{}') needs '{}', which the vocabulary lacks",
                         merges.size() + 1, printable(left), printable(right), printable(text)));
      }
      return *token;
    };
    merges.push_back({.left = entry(left),
                      .right = entry(right),
                      .rank = static_cast<int32_t>(merges.size()),
                      .merged = entry(left + right)});
  }
};

std::vector<Merge> json_merges(const JsonPlace& list, const Vocabulary& vocabulary) {
  MergeReader reader{vocabulary};
  for (const JsonPlace& entry : list.list()) {
    const auto fail = [&](const std::string& text) { entry.fail("{}", text); };
    if (!entry.is_text()) {
      const std::vector<JsonPlace> pair = entry.list();
      if (pair.size() != 2) entry.fail("a merge has two parts, this one {}", pair.size());
      reader.add(pair[0].text(), pair[1].text(), fail);
      continue;
    }
    const std::string pair = entry.text();
    const size_t space = pair.find(' ');
    if (space == std::string::npos || pair.find(' ', space + 1) != std::string::npos) {
      entry.fail("'{}' is no merge: two parts with one space between", printable(pair));
    }
    reader.add(pair.substr(0, space), pair.substr(space + 1), fail);
  }
  return std::move(reader.merges);
}

std::vector<Merge> text_merges(const std::string& bytes, const std::string& file,
                               const Vocabulary& vocabulary) {
  MergeReader reader{vocabulary};
  std::vector<std::string> lines = split(bytes, '\n');
  if (lines.back().empty()) lines.pop_back();
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string& line = lines[i];
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with("#version")) continue;
    const auto fail = [&](const std::string& text) {
      throw_input("{}:{}: {}; copy or download it again", file, i + 1, text);
    };
    const size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
      fail(fmt::format("'{}' is no merge: two parts with one space between", printable(line)));
    }
    reader.add(line.substr(0, space), line.substr(space + 1), fail);
  }
  return std::move(reader.merges);
}

}  // namespace

JsonPlace JsonPlace::operator[](const std::string& key) const {
  const auto member = object().find(key);
  return {member == value_->end() ? kNull : *member, file_,
          place_.empty() ? printable(key) : fmt::format("{}.{}", place_, printable(key))};
}

std::string JsonPlace::text() const {
  if (!value_->is_string()) fail("a text is expected, not {}", value_->type_name());
  return value_->get<std::string>();
}

int32_t JsonPlace::number() const {
  if (!value_->is_number_unsigned() || value_->get<uint64_t>() > INT32_MAX) {
    fail("a number from 0 to {} is expected, not {}", INT32_MAX,
         value_->is_number() ? value_->dump() : value_->type_name());
  }
  return value_->get<int32_t>();
}

bool JsonPlace::flag(bool otherwise) const {
  if (value_->is_null()) return otherwise;
  if (!value_->is_boolean()) fail("true or false is expected, not {}", value_->type_name());
  return value_->get<bool>();
}

const Json& JsonPlace::object() const {
  if (!value_->is_object()) fail("an object is expected, not {}", value_->type_name());
  return *value_;
}

std::vector<JsonPlace> JsonPlace::list() const {
  if (!value_->is_array()) fail("a list is expected, not {}", value_->type_name());
  std::vector<JsonPlace> members;
  members.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i) {
    members.push_back({(*value_)[i], file_, fmt::format("{}[{}]", place_, i)});
  }
  return members;
}

void JsonPlace::fail_with(const std::string& text) const {
  throw_input("{}: {}: {}", file_, place_.empty() ? "the whole" : place_, text);
}

std::vector<bool> special_tokens(const BpeDefinition& definition) {
  std::vector<bool> special(static_cast<size_t>(definition.vocabulary.size()));
  for (const AddedToken& token : definition.added) {
    if (token.special) special[static_cast<size_t>(token.token)] = true;
  }
  return special;
}

BpeDefinition read_tokenizer_json(const std::string& bytes, const std::string& file) {
  const auto json = std::make_shared<const Json>(parse_json(bytes, file));
  const JsonPlace root(*json, file, "");
  const JsonPlace model = root["model"];
  // Files of before 2020 do not name the type.
  if (!model["type"].is_null() && model.type() != "BPE") {
    model.fail("the type is '{}', and only BPE is supported", printable(model.type()));
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model[key].is_null() && !model[key].text().empty()) model[key].fail("not supported");
  }
  if (!model["dropout"].is_null()) model["dropout"].fail("not supported: encoding is a function");
  BpeDefinition definition{.file = file,
                           .vocabulary = all_entries(model["vocab"], root["added_tokens"]),
                           .added = added_tokens(root["added_tokens"]),
                           .fuse_unknown = model["fuse_unk"].flag(false),
                           .byte_fallback = model["byte_fallback"].flag(false),
                           .ignore_merges = model["ignore_merges"].flag(false),
                           .json = json};
  definition.merges = json_merges(model["merges"], definition.vocabulary);
  if (!model["unk_token"].is_null()) {
    definition.unknown = definition.vocabulary.find(model["unk_token"].text());
    if (!definition.unknown) model["unk_token"].fail("not in the vocabulary");
  }
  flatten(root["normalizer"], "normalizers", definition.normalizers);
  flatten(root["pre_tokenizer"], "pretokenizers", definition.pre_tokenizers);
  flatten(root["decoder"], "decoders", definition.decoders);
  return definition;
}

BpeDefinition read_vocabulary_and_merges(const std::string& vocabulary, const std::string& merges,
                                         const std::string& vocabulary_file,
                                         const std::string& merges_file) {
  constexpr const char* kEnd = "<|endoftext|>";
  const auto json = std::make_shared<const Json>(
      Json{{"vocab", parse_json(vocabulary, vocabulary_file)},
           {"added_tokens", Json::array()},
           {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}}});
  const JsonPlace root(*json, vocabulary_file, "");
  BpeDefinition definition{.file = vocabulary_file,
                           .vocabulary = all_entries(root["vocab"], root["added_tokens"]),
                           .pre_tokenizers = {root["pre_tokenizer"]},
                           .json = json};
  definition.merges = text_merges(merges, merges_file, definition.vocabulary);
  if (const auto end = definition.vocabulary.find(kEnd)) {
    definition.added.push_back({.token = *end, .text = kEnd, .special = true});
  }
  return definition;
}

}  // namespace seqsweep
