#include "data/simulate/rows_text.hpp"

#include <array>
#include <cstdio>
#include <limits>
#include <optional>

#include "core/text.hpp"

namespace fluxsbi::data {

namespace {

constexpr std::string_view blanks = " \t\r";

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  if (line.find(',') != std::string_view::npos) {
    for (size_t at = 0; at <= line.size();) {
      const size_t end = std::min(line.find(',', at), line.size());
      fields.push_back(core::trimmed(line.substr(at, end - at)));
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

ParsedRow parse(std::string_view line) {
  ParsedRow row;
  for (const auto field : fields_of(line)) {
    const std::optional<double> value =
        field.empty() ? std::numeric_limits<double>::quiet_NaN() : core::parse_number(field);
    if (!value) {
      row.problem = "'" + std::string(field.substr(0, 40)) + "' is not a number";
      return row;
    }
    row.values.push_back(static_cast<float>(*value));  // infinite beyond float32's range, 0 below it
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
    const std::string_view line = core::trimmed(text.substr(at, end - at));
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
