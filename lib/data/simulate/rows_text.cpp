#include "data/simulate/rows_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>

#include "core/text.hpp"
#include "io/csv.hpp"

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

// "0,5;-0,25": each of several words has one comma, between digits. Taken for separators the commas would
// double the row.
bool has_decimal_commas(std::string_view line) {
  constexpr std::string_view ends = "; \t\r";
  int64_t words = 0;
  for (size_t at = 0; (at = line.find_first_not_of(ends, at)) != std::string_view::npos; ++words) {
    const std::string_view word = line.substr(at, std::min(line.find_first_of(ends, at), line.size()) - at);
    const size_t comma = word.find(',');
    const auto digit = [&](size_t i) { return i < word.size() && word[i] >= '0' && word[i] <= '9'; };
    const bool decimal = comma != std::string_view::npos && comma > 0 && digit(comma - 1) &&
                         digit(comma + 1) && word.find(',', comma + 1) == std::string_view::npos &&
                         word.find('.') == std::string_view::npos;
    if (!decimal) return false;
    at += word.size();
  }
  return words > 1;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "05", of the digits behind a decimal comma: no program writes a whole number with zeros before it, unless
// it writes all of them so.
bool has_leading_zero(std::string_view field) {
  return field.size() > 1 && field[0] == '0' && std::all_of(field.begin(), field.end(), is_digit);
}

// What stands behind a comma and can only be the fraction of a number: zeros in front, or an exponent behind
// several digits without a point ("2345e-05").
bool is_fraction(std::string_view field) {
  size_t digits = 0;
  while (digits < field.size() && is_digit(field[digits])) ++digits;
  if (digits == field.size()) return has_leading_zero(field);
  return digits > 1 && (field[digits] == 'e' || field[digits] == 'E');
}

// Lines like "0,05", a number each: read one by one, each would be a row of two whole numbers. Together they
// show what they are: no point anywhere, and behind commas what only fractions look like.
bool have_decimal_commas(std::span<const std::string_view> lines) {
  bool found = false;
  for (const std::string_view line : lines) {
    if (line.find('.') != std::string_view::npos) return false;
    for (size_t at = 0; at < line.size();) {
      const size_t end = std::min(line.find_first_of(", \t\r", at), line.size());
      const bool after_comma = at > 0 && line[at - 1] == ',';
      const std::string_view field = line.substr(at, end - at);
      if (!after_comma && has_leading_zero(field)) return false;
      found = found || (after_comma && at > 1 && is_digit(line[at - 2]) && is_fraction(field));
      at = end + 1;
    }
  }
  return found;
}

bool is_missing(std::string_view field) {
  constexpr std::array<std::string_view, 7> words{"", "NA", "N/A", "NULL", "null", "None", "missing"};
  return std::find(words.begin(), words.end(), field) != words.end();
}

ParsedRow with_decimal_commas(std::string_view line) {
  return {{}, "'" + std::string(line.substr(0, 40)) + "' has commas for decimal points; print points"};
}

ParsedRow parse(std::string_view line) {
  ParsedRow row;
  if (has_decimal_commas(line)) return with_decimal_commas(line);
  for (const auto field : fields_of(line)) {
    const std::optional<double> value =
        is_missing(field) ? std::numeric_limits<double>::quiet_NaN() : core::parse_decimal(field);
    if (!value) {
      row.problem = "'" + std::string(field.substr(0, 40)) + "' is not a number";
      return row;
    }
    row.values.push_back(*value);
  }
  return row;
}

}  // namespace

std::string write_rows(std::span<const std::string> names, std::span<const double> values) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i ? "," : "") + io::csv_field(names[i]);
  text += '\n';
  std::array<char, 32> buffer;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool single = static_cast<double>(static_cast<float>(values[i])) == values[i];
    if (single) {
      const int length = std::snprintf(buffer.data(), buffer.size(), "%.9g", values[i]);
      text.append(buffer.data(), static_cast<size_t>(length));
    } else {
      text.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), values[i]).ptr);
    }
    text += (i + 1) % names.size() == 0 ? '\n' : ',';
  }
  return text;
}

std::vector<ParsedRow> read_rows(std::string_view text, size_t most) {
  std::vector<ParsedRow> rows;
  std::vector<std::string_view> lines;  // of the rows
  bool first = true;
  for (size_t at = 0; at < text.size() && rows.size() < most;) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view whole = text.substr(at, end - at);
    const std::string_view line = core::trimmed(whole.substr(0, whole.find('#')));
    at = end + 1;
    if (line.empty()) continue;
    ParsedRow row = parse(line);
    const bool header = first && !row.problem.empty() && !has_decimal_commas(line);
    first = false;
    if (header) continue;
    rows.push_back(std::move(row));
    lines.push_back(line);
  }
  if (!have_decimal_commas(lines)) return rows;
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = with_decimal_commas(lines[i]);
  return rows;
}

std::vector<ParsedRow> joined_lines(std::vector<ParsedRow> rows, size_t lines) {
  if (lines == 1) return rows;
  std::vector<ParsedRow> joined(rows.size() / lines);
  for (size_t i = 0; i < joined.size() * lines; ++i) {
    ParsedRow& row = joined[i / lines];
    if (row.problem.empty()) row.problem = std::move(rows[i].problem);
    row.values.insert(row.values.end(), rows[i].values.begin(), rows[i].values.end());
  }
  return joined;
}

}  // namespace fluxsbi::data
