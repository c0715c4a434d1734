#include "data/simulate/rows_text.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

namespace fluxsbi::data {

namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  if (line.find(',') != std::string_view::npos) {
    for (size_t at = 0; at <= line.size();) {
      const size_t end = std::min(line.find(',', at), line.size());
      fields.push_back(trim(line.substr(at, end - at)));
      at = end + 1;
    }
    return fields;
  }
  for (size_t at = 0; (at = line.find_first_not_of(blanks, at)) != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(blanks, at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = end;
  }
  return fields;
}

/// Values beyond float32's range become infinite, those below it 0.
bool read_number(std::string_view field, float& value) {
  if (field.empty()) {
    value = std::numeric_limits<float>::quiet_NaN();
    return true;
  }
  if (field.front() == '+') field.remove_prefix(1);
  double number = 0;
  const auto [end, problem] = std::from_chars(field.data(), field.data() + field.size(), number);
  if (problem != std::errc() || end != field.data() + field.size()) return false;
  value = static_cast<float>(number);
  return true;
}

ParsedRow parse(std::string_view line) {
  ParsedRow row;
  for (const auto field : fields_of(line)) {
    float value = 0;
    if (!read_number(field, value)) {
      row.problem = "'" + std::string(field.substr(0, 40)) + "' is not a number";
      return row;
    }
    row.values.push_back(value);
  }
  return row;
}

}  // namespace

std::string write_rows(std::span<const std::string> names, std::span<const float> values) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i ? "," : "") + names[i];
  text += '\n';
  std::array<char, 32> buffer;
  for (size_t i = 0; i < values.size(); ++i) {
    const int length = std::snprintf(buffer.data(), buffer.size(), "%.9g", static_cast<double>(values[i]));
    text.append(buffer.data(), static_cast<size_t>(length));
    text += (i + 1) % names.size() == 0 ? '\n' : ',';
  }
  return text;
}

std::vector<ParsedRow> read_rows(std::string_view text) {
  std::vector<ParsedRow> rows;
  bool first = true;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trim(text.substr(at, end - at));
    at = end + 1;
    if (line.empty()) continue;
    ParsedRow row = parse(line);
    const bool header = first && !row.problem.empty();
    first = false;
    if (!header) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace fluxsbi::data
