#include "tools/report/sql_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/config.h"
#include "core/base/text.h"
#include "tools/report/csv.h"

namespace seqsweep {
namespace {

// Names that repeat get ":1", ":2" and so on, as SQLite itself tells such columns apart.
std::vector<std::string> told_apart(const std::vector<std::string>& columns) {
  std::vector<std::string> names;
  for (const std::string& column : columns) {
    std::string name = column;
    for (int i = 1; std::ranges::find(names, name) != names.end(); ++i) {
      name = fmt::format("{}:{}", column, i);
    }
    names.push_back(name);
  }
  return names;
}

constexpr size_t kCellCharacters = 80;  // Of a terminal's table; the other formats have all.

std::string hex(const SqlBlob& blob) {
  std::string out;
  for (const unsigned char byte : blob.bytes) out += fmt::format("{:02x}", byte);
  return out;
}

bool is_number(const SqlValue& value) {
  return std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
}

std::string cell_text(const SqlValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return fmt::format("{}", *number);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{:.6g}", *number);
  if (const auto* blob = std::get_if<SqlBlob>(&value))
    return fmt::format("({} bytes)", blob->bytes.size());
  if (std::holds_alternative<std::monostate>(value)) return "";
  std::string text = printable(std::get<std::string>(value));
  if (text.size() <= kCellCharacters) return text;
  size_t end = kCellCharacters - 3;
  while ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

size_t width(const std::string& text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

std::string line(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                 const std::vector<bool>& right) {
  std::string out;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string blanks(widths[i] - width(cells[i]), ' ');
    out += (i == 0 ? "" : "  ") + (right[i] ? blanks + cells[i] : cells[i] + blanks);
  }
  while (out.ends_with(' ')) out.pop_back();
  return out + "\n";
}

}  // namespace

std::string sql_table(const SqlRows& rows) {
  std::vector<std::vector<std::string>> lines(1);
  for (const std::string& name : rows.columns) lines[0].push_back(printable(name));
  std::vector<bool> right(rows.columns.size(), true);
  for (const std::vector<SqlValue>& row : rows.rows) {
    std::vector<std::string>& cells = lines.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      cells.push_back(cell_text(row[i]));
      if (!is_number(row[i]) && !std::holds_alternative<std::monostate>(row[i])) right[i] = false;
    }
  }
  std::vector<size_t> widths(rows.columns.size(), 0);
  for (const auto& cells : lines) {
    for (size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], width(cells[i]));
  }
  std::string out = line(lines[0], widths, right);
  std::vector<std::string> rules;
  for (const size_t one : widths) rules.emplace_back(one, '-');
  out += line(rules, widths, right);
  for (size_t i = 1; i < lines.size(); ++i) out += line(lines[i], widths, right);
  return out;
}

std::string sql_csv(const SqlRows& rows) {
  std::vector<std::string> names;
  for (const std::string& name : rows.columns) names.push_back(csv_text(name));
  std::string out = csv_line(names);
  for (const std::vector<SqlValue>& row : rows.rows) {
    std::vector<std::string> fields;
    for (const SqlValue& value : row) {
      if (const auto* number = std::get_if<int64_t>(&value)) {
        fields.push_back(fmt::format("{}", *number));
      } else if (const auto* real = std::get_if<double>(&value)) {
        fields.push_back(csv_number(*real));
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        fields.push_back(csv_text(*text));
      } else if (const auto* blob = std::get_if<SqlBlob>(&value)) {
        fields.push_back(hex(*blob));
      } else {
        fields.emplace_back();
      }
    }
    out += csv_line(fields);
  }
  return out;
}

std::string sql_json(const SqlRows& rows) {
  using Ordered = nlohmann::ordered_json;
  const std::vector<std::string> names = told_apart(rows.columns);
  Ordered all = Ordered::array();
  for (const std::vector<SqlValue>& row : rows.rows) {
    Ordered object = Ordered::object();
    for (size_t i = 0; i < row.size(); ++i) {
      Ordered& cell = object[names[i]];
      if (const auto* number = std::get_if<int64_t>(&row[i])) cell = *number;
      if (const auto* real = std::get_if<double>(&row[i])) cell = *real;
      if (const auto* text = std::get_if<std::string>(&row[i])) cell = *text;
      if (const auto* blob = std::get_if<SqlBlob>(&row[i])) cell = hex(*blob);
    }
    all.push_back(std::move(object));
  }
  return all.dump(2, ' ', /*ensure_ascii=*/false, Ordered::error_handler_t::replace) + "\n";
}

}  // namespace seqsweep
