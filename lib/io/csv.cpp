#include "io/csv.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <span>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/source.hpp"

namespace fluxsbi::io {

namespace {

bool is_blank(std::string_view text) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return text.empty() || (text.size() == 2 && lower(text[0]) == 'n' && lower(text[1]) == 'a');
}

struct Field {
  std::string_view text;  ///< valid until the next field is read
  bool quoted = false;
  bool ends_row = false;
};

// Splits text into fields and rows, counting lines.
class Splitter {
 public:
  Splitter(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  bool at_end() const { return at_ == text_.size(); }
  int64_t line() const { return line_; }

  [[noreturn]] void fail(int64_t line, const std::string& message) const {
    throw core::UserError(name_ + ":" + std::to_string(line) + ": " + message);
  }

  /// True if an empty line stood here; it is then behind.
  bool skip_empty_line() { return !at_end() && skip_line_end(); }

  Field next() {
    Field field;
    field.quoted = !at_end() && text_[at_] == '"';
    if (field.quoted) {
      field.text = quoted_field();
    } else {
      const size_t end = std::min(text_.find_first_of(",\n\r\"", at_), text_.size());
      if (end < text_.size() && text_[end] == '"')
        fail(line_, "a quote stands inside an unquoted field; write \"a \"\"quoted\"\" word\"");
      field.text = text_.substr(at_, end - at_);
      at_ = end;
    }
    if (!at_end() && text_[at_] == ',') {
      ++at_;
    } else {
      field.ends_row = true;
      if (!at_end() && !skip_line_end())
        fail(line_, "text follows a closing quote; write a comma between fields");
    }
    return field;
  }

 private:
  bool skip_line_end() {
    const bool carriage = text_[at_] == '\r';
    if (!carriage && text_[at_] != '\n') return false;
    at_ += carriage && text_.substr(at_ + 1, 1) == "\n" ? 2 : 1;
    ++line_;
    return true;
  }

  std::string_view quoted_field() {
    const int64_t start_line = line_;
    unquoted_.clear();
    ++at_;
    for (;; ++at_) {
      if (at_end()) fail(start_line, "a quote is opened here and never closed");
      if (text_[at_] == '"') {
        ++at_;
        if (at_end() || text_[at_] != '"') return unquoted_;
      }
      if (text_[at_] == '\n') ++line_;
      unquoted_ += text_[at_];
    }
  }

  std::string_view text_;
  const std::string& name_;
  std::string unquoted_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

std::vector<std::string> read_header(Splitter& in) {
  while (in.skip_empty_line()) continue;
  const int64_t line = in.line();
  if (in.at_end()) in.fail(line, "the file is empty; its first line must name the columns");
  std::vector<std::string> columns;
  std::set<std::string> seen;
  bool only_numbers = true;
  for (bool more = true; more;) {
    const Field field = in.next();
    more = !field.ends_row;
    columns.emplace_back(core::trimmed(field.text));
    only_numbers = only_numbers && !field.quoted && core::parse_number(columns.back());
  }
  if (only_numbers)
    in.fail(line, "the first line holds numbers; it must name the columns (theta_0,theta_1,...)");
  for (size_t i = 0; i < columns.size(); ++i) {
    const std::string place = "column " + std::to_string(i + 1);
    if (columns[i].empty())
      in.fail(line, place + " has no name; name every column (pandas: to_csv(index=False))");
    if (!seen.insert(columns[i]).second)
      in.fail(line, place + " is the second one called " + core::quoted(columns[i]));
  }
  const bool other_separator = columns.size() == 1 && columns[0].find_first_of(";\t") != std::string::npos;
  if (other_separator)
    in.fail(line, "the columns are separated by semicolons or tabs; separate them by commas");
  return columns;
}

double read_cell(const Splitter& in, int64_t line, const Field& field, const std::string& column,
                 size_t index, const CsvOptions& options) {
  const std::string_view text = core::trimmed(field.text);
  if (const auto value = core::parse_number(text)) return *value;
  if (options.blank_as_nan && is_blank(text)) return std::numeric_limits<double>::quiet_NaN();
  const std::string where = "column " + std::to_string(index + 1) + " (" + column + ") ";
  if (text.empty()) in.fail(line, where + "is empty; fill it, or remove the row");
  in.fail(line, where + "must be a number, found " + core::quoted(text));
}

std::vector<double> read_rows(Splitter& in, const std::vector<std::string>& columns,
                              const CsvOptions& options) {
  std::vector<double> values;
  // An empty line is no row, except where one blank cell is a whole row.
  const bool empty_line_is_row = options.blank_as_nan && columns.size() == 1;
  while (!in.at_end()) {
    if (!empty_line_is_row && in.skip_empty_line()) continue;
    const int64_t line = in.line();
    size_t count = 0;
    for (bool more = true; more; ++count) {
      const Field field = in.next();
      more = !field.ends_row;
      if (count == columns.size())
        in.fail(line,
                "has more than " + std::to_string(columns.size()) + " fields, as many as the header names");
      values.push_back(read_cell(in, line, field, columns[count], count, options));
    }
    if (count != columns.size()) {
      in.fail(line, "has " + std::to_string(count) + " fields, but the header names " +
                        std::to_string(columns.size()) + " columns");
    }
  }
  return values;
}

}  // namespace

Csv parse_csv(std::string_view text, const std::string& name, const CsvOptions& options) {
  constexpr std::string_view utf8_mark = "\xef\xbb\xbf", utf16_little = "\xff\xfe", utf16_big = "\xfe\xff";
  if (text.starts_with(utf16_little) || text.starts_with(utf16_big))
    throw core::UserError(name + ": is UTF-16 text; save it as UTF-8");
  if (text.starts_with(utf8_mark)) text.remove_prefix(utf8_mark.size());
  Splitter in(text, name);
  Csv csv;
  csv.columns = read_header(in);
  const std::vector<double> values = read_rows(in, csv.columns, options);
  const auto columns = static_cast<int64_t>(csv.columns.size());
  csv.values = Array::from(values, {static_cast<int64_t>(values.size()) / columns, columns});
  return csv;
}

Csv load_csv(const std::string& path, const CsvOptions& options) {
  const auto bytes = FileSource(path).read_all();
  return parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, options);
}

}  // namespace fluxsbi::io
