// Typed configuration. A config struct lists its fields once; reading it from YAML, writing it as
// JSON (the run's identity) and describing it in --help all come from that list:
//
//   struct TrainConfig {
//     int64_t batch_size = 128;
//     void fields(auto&& field) { field("batch_size", batch_size, "examples a microbatch",
//     at_least(1)); }
//   };
//
// Field types: bool, int64_t, double, std::string, an enum with enum_names(), std::optional and
// std::vector of these, other structs with fields(), and Value (kept as it was written, for what is
// read later; not to be dumped).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/base/value.h"

namespace seqsweep {

// What a number must satisfy. Bounds are inclusive unless said.
struct Rule {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool above_minimum = false;  // The minimum itself is not allowed.
  bool below_maximum = false;

  bool allows(double x) const;
  std::string text() const;  // "at least 1", "" when everything is allowed
};
Rule at_least(double minimum);
Rule above(double minimum);
Rule between(double minimum, double maximum);
Rule between_below(double minimum, double maximum);  // The maximum itself is not allowed.

struct FieldDoc {
  std::string name, type, default_text, help;
};

// An enum of a config: constexpr std::array<std::pair<E, const char*>, N> enum_names(E).
template <typename T>
concept NamedEnum = std::is_enum_v<T> && requires(T e) {
  enum_names(e);
};
template <typename T>
concept ConfigStruct = std::is_class_v<T> && requires(T t) {
  t.fields([](auto&&...) {});
};

namespace config_detail {

template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};

bool read_bool(const Value& value, const std::string& path);
int64_t read_int(const Value& value, const std::string& path);
double read_double(const Value& value, const std::string& path);
std::string read_string(const Value& value, const std::string& path);
[[noreturn]] void throw_wrong_type(const Value& value, const std::string& path,
                                   std::string_view expected);
[[noreturn]] void throw_not_allowed(const Value& value, const std::string& path, const Rule& rule);
[[noreturn]] void throw_unknown_choice(const Value& value, const std::string& path,
                                       const std::vector<std::string>& choices);
void require_known_keys(const Value& value, const std::string& path,
                        const std::vector<std::string>& known);

}  // namespace config_detail

template <ConfigStruct T>
void read_settings(const Value& value, const std::string& path, T& config);

template <typename T>
void read_field(const Value& value, const std::string& path, T& out, const Rule& rule) {
  using namespace config_detail;
  if constexpr (std::is_same_v<T, Value>) {
    out = value;
  } else if constexpr (IsOptional<T>::value) {
    if (value.is_null()) {
      out.reset();
    } else {
      read_field(value, path, out.emplace(), rule);
    }
  } else if constexpr (IsVector<T>::value) {
    if (!value.is_list()) throw_wrong_type(value, path, "a list");
    out.clear();
    for (const Value& item : value.items()) {
      typename T::value_type element{};
      read_field(item, path, element, rule);
      out.push_back(std::move(element));
    }
  } else if constexpr (ConfigStruct<T>) {
    read_settings(value, path, out);
  } else if constexpr (NamedEnum<T>) {
    const std::string name = read_string(value, path);
    std::vector<std::string> choices;
    for (const auto& [choice, text] : enum_names(T{})) {
      if (name == text) {
        out = choice;
        return;
      }
      choices.emplace_back(text);
    }
    throw_unknown_choice(value, path, choices);
  } else if constexpr (std::is_same_v<T, bool>) {
    out = read_bool(value, path);
  } else if constexpr (std::is_integral_v<T>) {
    out = static_cast<T>(read_int(value, path));
    if (!rule.allows(static_cast<double>(out))) throw_not_allowed(value, path, rule);
  } else if constexpr (std::is_floating_point_v<T>) {
    out = static_cast<T>(read_double(value, path));
    if (!rule.allows(static_cast<double>(out))) throw_not_allowed(value, path, rule);
  } else {
    out = read_string(value, path);
  }
}

// A struct from a YAML map: absent keys keep what the struct has. Errors (Fault::Input) name file,
// line, column, key and what is valid. `path` is the dotted name of the map, "" for the whole file.
template <ConfigStruct T>
void read_settings(const Value& value, const std::string& path, T& config) {
  std::vector<std::string> known;
  const auto dotted = [&](const char* name) { return path.empty() ? name : path + "." + name; };
  if (!value.is_null() && !value.is_map()) {
    config_detail::throw_wrong_type(value, path, "a map of settings");
  }
  config.fields([&](const char* name, auto& member, std::string_view, const Rule& rule = {}) {
    known.emplace_back(name);
    if (const Value* found = value.find(name)) read_field(*found, dotted(name), member, rule);
  });
  config_detail::require_known_keys(value, path, known);
}

template <ConfigStruct T>
T read_config(const Value& value, const std::string& path) {
  T config{};
  read_settings(value, path, config);
  return config;
}

template <typename T>
Json to_json(const T& x) {
  if constexpr (config_detail::IsOptional<T>::value) {
    return x ? to_json(*x) : Json(nullptr);
  } else if constexpr (config_detail::IsVector<T>::value) {
    Json list = Json::array();
    for (const auto& element : x) list.push_back(to_json(element));
    return list;
  } else if constexpr (ConfigStruct<T>) {
    Json map = Json::object();
    T copy = x;
    copy.fields([&](const char* name, auto& member, std::string_view, const Rule& = {}) {
      map[name] = to_json(member);
    });
    return map;
  } else if constexpr (NamedEnum<T>) {
    for (const auto& [choice, text] : enum_names(T{})) {
      if (choice == x) return text;
    }
    return nullptr;
  } else {
    return x;
  }
}

template <typename T>
std::string type_text(const Rule& rule) {
  using namespace config_detail;
  const auto in_range = [&](std::string_view type) {
    return rule.text().empty() ? std::string(type) : fmt::format("{} {}", type, rule.text());
  };
  if constexpr (IsOptional<T>::value) {
    return fmt::format("{} or null", type_text<typename T::value_type>(rule));
  } else if constexpr (IsVector<T>::value) {
    return fmt::format("list of {}", type_text<typename T::value_type>(rule));
  } else if constexpr (ConfigStruct<T>) {
    return "map";
  } else if constexpr (NamedEnum<T>) {
    std::string choices;
    for (const auto& [choice, text] : enum_names(T{})) {
      if (!choices.empty()) choices += '|';
      choices += text;
    }
    return choices;
  } else if constexpr (std::is_same_v<T, bool>) {
    return "true|false";
  } else if constexpr (std::is_integral_v<T>) {
    return in_range("integer");
  } else if constexpr (std::is_floating_point_v<T>) {
    return in_range("number");
  } else {
    return "text";
  }
}

// One row a field, for --help and `seqsweep list`.
template <ConfigStruct T>
std::vector<FieldDoc> describe() {
  std::vector<FieldDoc> rows;
  T config{};
  config.fields(
      [&]<typename M>(const char* name, M& member, std::string_view help, const Rule& rule = {}) {
        rows.push_back({name, type_text<M>(rule), to_json(member).dump(), std::string(help)});
      });
  return rows;
}

// The identity of a resolved config: 16 hexadecimal digits of the SHA-256 of its canonical JSON
// (sorted keys, shortest round-trip numbers).
std::string config_hash(const Json& config);

}  // namespace seqsweep
