#include "core/base/value.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/files.h"
#include "core/base/text.h"
#include "core/base/utf8.h"

namespace seqsweep {

std::string Position::text() const {
  return line > 0 ? fmt::format("{}:{}:{}", origin, line, column) : origin;
}

Value Value::scalar(std::string text, Position position) {
  Value value;
  value.kind_ = Kind::Scalar;
  value.text_ = std::move(text);
  value.position_ = std::move(position);
  return value;
}

Value Value::map(Position position) {
  Value value;
  value.kind_ = Kind::Map;
  value.position_ = std::move(position);
  return value;
}

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : entries_) {
    if (name.text_ == key) return &value;
  }
  return nullptr;
}

void Value::set(std::string_view key, Value value) {
  kind_ = Kind::Map;
  for (auto& [name, old] : entries_) {
    if (name.text_ == key) {
      old = std::move(value);
      return;
    }
  }
  Value name = scalar(std::string(key), value.position_);
  entries_.emplace_back(std::move(name), std::move(value));
}

void Value::erase(std::string_view key) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.first.text_ == key; });
}

// What aliases may add to a text: plenty for a sweep file, little memory.
constexpr size_t kAliasedNodesMax = 10'000;

struct YamlReader {
  static constexpr int kDepthMax = 64;  // Deeper nesting is a mistake or an attack.
  const std::string& origin;
  size_t nodes_left;  // An alias is spelt out each time: nested ones grow exponentially.

  Position position_of(const YAML::Mark& mark) const {
    return mark.is_null() ? Position{origin} : Position{origin, mark.line + 1, mark.column + 1};
  }

  Value read(const YAML::Node& node, int depth) {
    Value value;
    value.position_ = position_of(node.Mark());
    if (nodes_left-- == 0) {
      throw_input("{}: its aliases repeat too much: write it out", value.position_.text());
    }
    if (depth > kDepthMax) {
      throw_input("{}: nested more than {} levels deep", value.position_.text(), kDepthMax);
    }
    if (node.IsScalar()) {
      value.kind_ = Value::Kind::Scalar;
      value.text_ = node.Scalar();
      value.quoted_ = node.Tag() == "!";
    } else if (node.IsSequence()) {
      value.kind_ = Value::Kind::List;
      for (const YAML::Node& item : node) value.items_.push_back(read(item, depth + 1));
    } else if (node.IsMap()) {
      value.kind_ = Value::Kind::Map;
      for (const auto& entry : node) read_entry(value, entry.first, entry.second, depth);
    }
    return value;
  }

  void read_entry(Value& map, const YAML::Node& key, const YAML::Node& value, int depth) {
    const Position at = position_of(key.Mark());
    if (!key.IsScalar()) throw_input("{}: a key must be a word", at.text());
    if (map.find(key.Scalar()))
      throw_input("{}: key '{}' stands twice", at.text(), printable(key.Scalar()));
    map.entries_.emplace_back(Value::scalar(key.Scalar(), at), read(value, depth + 1));
  }
};

// Everything that is read is written again, as JSON, which can be nothing else.
void require_utf8(std::string_view text, const std::string& origin) {
  size_t at = 0;
  for (Utf8Prefix prefix; at < text.size(); at += prefix.bytes) {
    prefix = utf8_prefix(text.substr(at));
    if (prefix.valid) continue;
    const auto line = 1 + std::ranges::count(text.substr(0, at), '\n');
    throw_input("{}:{}: '{}' is not UTF-8", origin, line, printable(text.substr(at, 1)));
  }
}

Value parse_yaml(const std::string& text, const std::string& origin) {
  require_utf8(text, origin);
  // Without aliases a value takes a byte at least.
  const size_t nodes_max = 2 * text.size() + kAliasedNodesMax;
  try {
    return YamlReader{origin, nodes_max}.read(YAML::Load(text), 0);
  } catch (const YAML::Exception& error) {
    const YAML::Mark mark = error.mark;
    const Position at =
        mark.is_null() ? Position{origin} : Position{origin, mark.line + 1, mark.column + 1};
    throw_input("{}: malformed YAML: {}", at.text(), printable(error.msg));
  }
}

Value parse_yaml_file(const std::string& path) {
  return parse_yaml(read_file(path), path);
}

namespace {

void set_at(Value& node, const std::vector<std::string>& keys, size_t depth, const Value& value,
            const std::string& assignment);

void set_in_list(Value& list, const std::vector<std::string>& keys, size_t depth,
                 const Value& value, const std::string& assignment) {
  const std::string& key = keys[depth];
  const bool number =
      !key.empty() && key.size() < 9 &&
      std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
  const size_t index = number ? std::stoul(key) : list.items().size();
  if (index >= list.items().size()) {
    throw_input("command line: {}: '{}' is no index of a list of {} (from 0)", assignment, key,
                list.items().size());
  }
  set_at(const_cast<Value&>(list.items()[index]), keys, depth + 1, value, assignment);
}

void set_at(Value& node, const std::vector<std::string>& keys, size_t depth, const Value& value,
            const std::string& assignment) {
  if (depth == keys.size()) {
    node = value;
    return;
  }
  if (node.is_list()) return set_in_list(node, keys, depth, value, assignment);
  if (node.is_scalar()) {
    throw_input("command line: {}: '{}' has no settings", assignment, keys[depth - 1]);
  }
  const Value* found = node.find(keys[depth]);
  Value child = found ? *found : Value::map(value.position());
  set_at(child, keys, depth + 1, value, assignment);
  node.set(keys[depth], std::move(child));
}

}  // namespace

void apply_override(Value& root, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw_input("command line: '{}' is not key=value (example: train.epochs=3)", assignment);
  }
  const Value value = parse_yaml(assignment.substr(equals + 1), "command line: " + assignment);
  set_at(root, split(assignment.substr(0, equals), '.'), 0, value, assignment);
}

}  // namespace seqsweep
