// A parsed YAML document in which every value remembers where it stood, for errors that name file,
// line and column. Hides the YAML library from everyone else.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace seqsweep {

struct Position {
  std::string origin;  // A file name, or "command line".
  int line = 0;        // From 1; 0: the origin has no lines.
  int column = 0;
  std::string text() const;  // "sweep.yaml:7:3"
};

class Value {
 public:
  enum class Kind { Null, Scalar, List, Map };

  static Value scalar(std::string text, Position position);
  static Value map(Position position);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::Null; }
  bool is_scalar() const { return kind_ == Kind::Scalar; }
  bool is_list() const { return kind_ == Kind::List; }
  bool is_map() const { return kind_ == Kind::Map; }
  const Position& position() const { return position_; }

  const std::string& text() const { return text_; }  // Of a scalar, as it was written.
  bool quoted() const { return quoted_; }            // "12" in quotes is text, 12 a number.
  const std::vector<Value>& items() const { return items_; }                        // Of a list.
  const std::vector<std::pair<Value, Value>>& entries() const { return entries_; }  // Of a map.

  const Value* find(std::string_view key) const;  // In a map; nullptr when absent.
  void set(std::string_view key, Value value);    // In a map (a null becomes one).
  void erase(std::string_view key);

  friend Value parse_yaml(const std::string& text, const std::string& origin);

 private:
  friend struct YamlReader;
  Kind kind_ = Kind::Null;
  bool quoted_ = false;
  std::string text_;
  std::vector<Value> items_;
  std::vector<std::pair<Value, Value>> entries_;
  Position position_;
};

// Throws Error (Fault::Input) with the line and column of what is malformed. JSON is YAML too.
Value parse_yaml(const std::string& text, const std::string& origin);
Value parse_yaml_file(const std::string& path);

// "train.epochs=3" or "datasets=[ml-1m]" from a command line: sets the value at the dotted key,
// where a list is indexed from 0 ("optimizers.0.lr=0.01"). The value is YAML. Unknown keys are
// found when the document is read.
void apply_override(Value& root, const std::string& assignment);

}  // namespace seqsweep
