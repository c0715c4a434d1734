#include "data/simulate/rows_text.hpp"

#include <array>
#include <cstdio>
#include <limits>
#include <optional>

#include "core/text.hpp"

namespace fluxsbi::data {

namespace {

constexpr std::string_view blanks = " \t\r", commas = ",;";

// Blanks separate; a comma does so too, and nothing between two of them is an empty field.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  const bool has_commas = line.find_first_of(commas) != std::string_view::npos;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find_first_of(commas, at), line.size());
    const std::string_view part = line.substr(at, end - at);
    bool empty = true;
    for (size_t word = 0; (word = part.find_first_not_of(blanks, word)) != std::string_view::npos;) {
      const size_t word_end = std::min(part.find_first_of(blanks, word), part.size());
      fields.push_back(part.substr(word, word_end - word));
      word = word_end;
      empty = false;
    }
    if (empty && has_commas) fields.emplace_back();
    at = end + 1;
  }
  return fields;
}

ParsedRow parse(std::string_view line) {
  ParsedRow row;
  for (const auto field : fields_of(line)) {
    const std::optional<double> value =
        field.empty() ? std::numeric_limits<double>::quiet_NaN() : core::parse_decimal(field);
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
    const std::string_view whole = text.substr(at, end - at);
    const std::string_view line = core::trimmed(whole.substr(0, whole.find('#')));
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
