#include "io/csv.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/utf8.hpp"
#include "io/content.hpp"
#include "io/csv_fields.hpp"
#include "io/source.hpp"

namespace fluxsbi::io {

namespace {

using csv::Field;
using csv::Splitter;
using Names = std::vector<std::string>;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

/// The value of a cell; nothing for text that is none.
std::optional<double> cell_value(std::string_view text) {
  constexpr std::array<std::string_view, 14> missing{"",    "na",      "n/a",    "<na>",    "#n/a",
                                                     "#na", "null",    "none",   "missing", "-",
                                                     ".",   "1.#qnan", "1.#ind", "-1.#ind"};
  if (const auto value = core::parse_decimal(text)) return value;
  constexpr size_t longest = 8;
  if (text.size() > longest) return {};
  const std::string word = lower_case(text);
  if (std::find(missing.begin(), missing.end(), word) != missing.end())
    return std::numeric_limits<double>::quiet_NaN();
  if (word == "true") return 1;
  if (word == "false") return 0;
  return {};
}

struct Cell {
  std::string text;
  bool quoted = false;
};

/// The cells of the row at which `in` stands.
std::vector<Cell> read_row(Splitter& in) {
  std::vector<Cell> cells;
  for (bool more = true; more;) {
    const Field field = in.next();
    more = !field.ends_row;
    cells.push_back({std::string(core::trimmed(field.text)), field.quoted});
  }
  return cells;
}

/// The next row, without moving `in`; nothing where there is none, or where its quotes do not fit the
/// separator.
std::optional<std::vector<Cell>> peek_row(Splitter in, char separator, int64_t skipped_rows) {
  in.set_separator(separator);
  try {
    for (;;) {
      while (in.skip_empty_line() || in.skip_comment()) continue;
      if (in.at_end()) return {};
      auto row = read_row(in);
      if (skipped_rows-- == 0) return row;
    }
  } catch (const core::UserError&) {
    return {};
  }
}

bool are_numbers(const std::vector<Cell>& row) {
  const auto is_value = [](const Cell& cell) { return !cell.quoted && cell_value(cell.text).has_value(); };
  const auto is_number = [](const Cell& cell) { return core::parse_decimal(cell.text).has_value(); };
  return std::all_of(row.begin(), row.end(), is_value) && std::any_of(row.begin(), row.end(), is_number);
}

/// The separator with which the first two rows have as many fields, at least two; else one that the first row
/// has; else there is one column.
char find_separator(const Splitter& in) {
  constexpr std::array<char, 4> separators{',', ';', '\t', ' '};
  std::array<size_t, separators.size()> first{}, second{};
  bool blanks_separate_numbers = false;
  for (size_t i = 0; i < separators.size(); ++i) {
    const auto row = peek_row(in, separators[i], 0), next = peek_row(in, separators[i], 1);
    first[i] = row ? row->size() : 0;
    blanks_separate_numbers = row && are_numbers(*row);  // in the end, of the last separator
    second[i] = next ? next->size() : 0;
    if (first[i] >= 2 && first[i] == second[i]) return separators[i];
  }
  for (size_t i = 0; i < separators.size(); ++i) {
    // A name may consist of several words: blanks separate only where they stand between numbers.
    if (first[i] >= 2 && (separators[i] != ' ' || second[i] >= 2 || blanks_separate_numbers))
      return separators[i];
  }
  return ',';
}

/// Whether a row of numbers is the header of a pandas table without names: 0, 1, 2, ... (behind an empty cell
/// where the index is written), followed by numbers that are not whole.
bool counts_columns(const std::vector<Cell>& row, const std::optional<std::vector<Cell>>& next) {
  const size_t skipped = !row.empty() && row.front().text.empty() ? 1 : 0;
  if (row.size() < skipped + 2 || !next) return false;
  for (size_t i = skipped; i < row.size(); ++i) {
    if (row[i].text != std::to_string(i - skipped)) return false;
  }
  return std::any_of(next->begin(), next->end(),
                     [](const Cell& cell) { return cell.text.find_first_of(".eEnN") != std::string::npos; });
}

/// The words of a comment if they name `count` columns.
std::optional<Names> names_in(std::string_view comment, size_t count, char separator,
                              const std::string& name) {
  for (const char tried : {separator, ',', ';', '\t', ' '}) {
    const auto row = peek_row(Splitter(comment, name, tried), tried, 0);
    const auto is_number = [](const Cell& cell) { return core::parse_decimal(cell.text).has_value(); };
    if (!row || row->size() != count || std::any_of(row->begin(), row->end(), is_number)) continue;
    Names names;
    for (const Cell& cell : *row) names.push_back(cell.text);
    return names;
  }
  return {};
}

/// A field of a message, without what would garble it.
std::string shown(std::string_view text) {
  constexpr size_t most = 60;
  std::string plain(text.substr(0, most));
  std::replace_if(
      plain.begin(), plain.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return core::quoted(plain + (text.size() > most ? "..." : ""));
}

/// What to do about a field that is no number.
std::string remedy_for(std::string_view text, std::string_view column) {
  const auto digits =
      std::count_if(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
  const auto commas = std::count(text.begin(), text.end(), ',');
  if (text == column) return "; a header among the rows? Join the parts of a file without their headers";
  if (text.size() > 2 && (text.starts_with("0x") || text.starts_with("0X")))
    return "; write it in decimal digits";
  if (digits == 0)
    return "; write numbers (1 and 0 for yes and no), leave missing values empty, or leave the column out";
  if (commas > 0 && text.find('.') != std::string_view::npos)
    return "; write numbers without separators of thousands";
  if (commas == 1) return "; write decimals with a point";
  if (digits >= 6 && text.find_first_of(":/-", 1) != std::string_view::npos &&
      text.find_first_of("eE") == std::string_view::npos)
    return "; write times and dates as numbers, days since the first say";
  if (text.find_first_not_of("0123456789.,eEdD+-") == std::string_view::npos)
    return text.find_first_of("eEdD") == std::string_view::npos
               ? ""
               : "; numbers beyond float64 (1e-308 to 1e308) need another unit, and those that are 0 a 0";
  if (std::isdigit(static_cast<unsigned char>(text.front())) || text.front() == '-')
    return "; write the number alone, without a unit or a sign behind it";
  return "; write numbers, or leave the column out";
}

class Table {
 public:
  Table(std::string_view text, const std::string& name, const CsvOptions& options)
      : name_(name), options_(options), in_(text, name, ',') {}

  Csv read() {
    read_header();
    choose_columns();
    const std::vector<double> values = read_rows();
    const auto width = std::count(kept_.begin(), kept_.end(), true);
    csv_.values = Array::from(values, {width == 0 ? 0 : std::ssize(values) / width, width});
    return std::move(csv_);
  }

 private:
  void read_header() {
    std::vector<std::string_view> comments;
    for (;;) {
      if (in_.skip_empty_line()) continue;
      const auto comment = in_.skip_comment();
      if (!comment) break;
      comments.push_back(*comment);
    }
    header_line_ = in_.line();
    if (in_.at_end()) in_.fail(header_line_, "the file is empty; its first line must name the columns");
    in_.set_separator(find_separator(in_));
    const auto next = peek_row(in_, in_.separator(), 1);
    Splitter behind = in_;
    const std::vector<Cell> row = read_row(behind);
    width_ = row.size();
    if (!are_numbers(row)) {
      for (const Cell& cell : row) names_.push_back(cell.text);
      in_ = behind;
      return;
    }
    for (auto comment = comments.rbegin(); comment != comments.rend() && names_.empty(); ++comment)
      names_ = names_in(*comment, width_, in_.separator(), name_).value_or(Names());
    if (!names_.empty() || !counts_columns(row, next)) return;
    csv_.remarks.push_back(
        "the first line counts the columns (0, 1, ...) and is taken for a header without names");
    if (row.front().text.empty()) left_out_ = 0;
    in_ = behind;
  }

  /// Which columns are read, and what they are called.
  void choose_columns() {
    kept_.assign(width_, true);
    if (left_out_) kept_[*left_out_] = false;
    Names unnamed, left_out;
    std::set<std::string> seen;
    for (size_t i = 0; i < names_.size(); ++i) {
      const std::string place = "column " + std::to_string(i + 1);
      if (names_[i].empty()) {
        kept_[i] = false;
        unnamed.push_back(std::to_string(i + 1));
        continue;
      }
      if (!core::is_utf8(names_[i]))
        in_.fail(header_line_, place +
                                   " has a name that is not UTF-8 text; save the file as UTF-8, for example "
                                   "by iconv -f LATIN1 -t UTF-8");
      if (!seen.insert(names_[i]).second)
        in_.fail(header_line_, place + " is the second one called " + core::quoted(names_[i]) +
                                   "; rename one of them, or leave it out");
      kept_[i] = !options_.wanted || options_.wanted(names_[i]);
      (kept_[i] ? csv_.columns : left_out).push_back(names_[i]);
    }
    if (!unnamed.empty())
      csv_.remarks.push_back(
          "column " + core::list_first(unnamed) +
          " has no name and is left out (an index, as pandas writes it without index=False?)");
    if (seen.empty() && !names_.empty()) in_.fail(header_line_, "none of the columns has a name; name them");
    if (!left_out.empty() && !csv_.columns.empty())
      csv_.remarks.push_back("columns left out: " + core::list_first(left_out));
  }

  std::vector<double> read_rows() {
    std::vector<double> values;
    // An empty line is no row, except where one blank cell is a whole row.
    const bool empty_line_is_row = options_.empty_line_is_row && width_ == 1;
    int64_t comments = 0;
    while (!in_.at_end()) {
      if (!empty_line_is_row && in_.skip_empty_line()) continue;
      if (in_.skip_comment()) {
        ++comments;
        continue;
      }
      read_values(values);
    }
    if (comments > 0)
      csv_.remarks.push_back(core::count_text(comments, "line") + " of comment (# or %) among the rows " +
                             (comments == 1 ? "was" : "were") + " skipped");
    return values;
  }

  void read_values(std::vector<double>& values) {
    const int64_t line = in_.line();
    size_t count = 0;
    for (bool more = true; more; ++count) {
      const Field field = in_.next();
      more = !field.ends_row;
      if (count == width_) {
        in_.fail(line, "has more than " + std::to_string(width_) + " fields, as many as " + first_line() +
                           (in_.separator() == ' ' ? " (row names, as R writes them? use row.names = FALSE)"
                            : in_.separator() == ','
                                ? " (decimals with a comma? write a point, and quote text with commas)"
                                : ""));
      }
      if (kept_[count]) values.push_back(read_cell(line, field, count));
    }
    if (count != width_) {
      in_.fail(
          line,
          "has " + std::to_string(count) + " fields, but " + first_line() + " " + std::to_string(width_) +
              " columns; leave fields of missing values empty (a file whose last line is short was cut off)");
    }
  }

  std::string first_line() const { return names_.empty() ? "the first row has" : "the header names"; }

  double read_cell(int64_t line, const Field& field, size_t index) const {
    const std::string_view text = core::trimmed(field.text);
    if (const auto value = cell_value(text)) return *value;
    const std::string name = names_.empty() ? "" : " (" + names_[index] + ")";
    in_.fail(line, "column " + std::to_string(index + 1) + name + " must be a number, found " + shown(text) +
                       remedy_for(text, index < names_.size() ? names_[index] : ""));
  }

  const std::string& name_;
  const CsvOptions& options_;
  Splitter in_;
  int64_t header_line_ = 1;
  size_t width_ = 0;  ///< fields of a row
  Names names_;       ///< [width_], or empty
  std::optional<size_t> left_out_;
  std::vector<bool> kept_;  ///< [width_]
  Csv csv_;
};

}  // namespace

Csv parse_csv(std::string_view text, const std::string& name, const CsvOptions& options) {
  constexpr std::string_view utf8_mark = "\xef\xbb\xbf", utf16_little = "\xff\xfe", utf16_big = "\xfe\xff";
  if (text.starts_with(utf16_little) || text.starts_with(utf16_big))
    throw core::UserError(name + ": is UTF-16 text; save it as UTF-8");
  if (text.starts_with(utf8_mark)) text.remove_prefix(utf8_mark.size());
  return Table(text, name, options).read();
}

Csv load_csv(const std::string& path, const CsvOptions& options) {
  const FileSource file(path);
  refuse_other_content(file, Content::unknown, "text");
  const auto bytes = file.read_all();
  Csv csv = parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, options);
  for (const std::string& remark : csv.remarks) core::log::info_once(path + ": " + remark);
  return csv;
}

}  // namespace fluxsbi::io
