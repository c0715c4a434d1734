// The fields of a text table: quotes, separators, line ends and comments, before anything is known of their
// meaning.
// Inside lib/io alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fluxsbi::io::csv {

struct Field {
  std::string_view text;  ///< valid until the next field is read
  bool quoted = false;
  bool ends_row = false;
};

/// Splits text into fields and rows, counting lines. A copy is a second reader at the same place.
class Splitter {
 public:
  /// `separator`: ',', ';', '\t', or ' ' for any run of blanks and tabs.
  Splitter(std::string_view text, const std::string& name, char separator)
      : text_(text), name_(&name), separator_(separator) {}

  bool at_end() const { return at_ == text_.size(); }
  int64_t line() const { return line_; }
  char separator() const { return separator_; }
  void set_separator(char separator) { separator_ = separator; }

  /// Throws UserError "NAME:LINE: message".
  [[noreturn]] void fail(int64_t line, const std::string& message) const;

  /// True if an empty line stood here (with `blanks` one of blanks alone, too); it is then behind.
  bool skip_empty_line(bool blanks = true);
  /// The text behind the # or % of a line that is a comment and is then behind; nothing for another line. A
  /// line that begins with an error of a spreadsheet (#N/A, #DIV/0!, ...) is none.
  std::optional<std::string_view> skip_comment();
  /// The next field; there must be one. Throws UserError for wrong quotes.
  Field next();

 private:
  bool is_blank(char c) const { return c == ' ' || (c == '\t' && separator_ != '\t'); }
  void skip_blanks() {
    while (!at_end() && is_blank(text_[at_])) ++at_;
  }
  bool skip_line_end();
  std::string_view quoted_field();

  std::string_view text_;
  const std::string* name_;
  char separator_;
  std::string unquoted_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

}  // namespace fluxsbi::io::csv
