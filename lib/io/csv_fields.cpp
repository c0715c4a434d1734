#include "io/csv_fields.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::io::csv {

void Splitter::fail(int64_t line, const std::string& message) const {
  throw core::UserError(*name_ + ":" + std::to_string(line) + ": " + message);
}

bool Splitter::skip_line_end() {
  const bool carriage = text_[at_] == '\r';
  if (!carriage && text_[at_] != '\n') return false;
  at_ += carriage && text_.substr(at_ + 1, 1) == "\n" ? 2 : 1;
  ++line_;
  return true;
}

bool Splitter::skip_empty_line(bool blanks) {
  if (at_end()) return false;
  const size_t start = at_;
  if (blanks) skip_blanks();
  if (at_end()) return at_ != start;
  if (skip_line_end()) return true;
  at_ = start;
  return false;
}

std::optional<std::string_view> Splitter::skip_comment() {
  constexpr std::array<std::string_view, 8> errors{"#N/A",  "#NA",    "#DIV/0!", "#VALUE!",
                                                   "#REF!", "#NAME?", "#NUM!",   "#NULL!"};
  const size_t begin = std::min(text_.find_first_not_of(" \t", at_), text_.size());
  if (begin == text_.size() || (text_[begin] != '#' && text_[begin] != '%')) return {};
  const size_t end = std::min(text_.find_first_of("\n\r", begin), text_.size());
  const std::string_view line = text_.substr(begin, end - begin);
  const std::string_view word = line.substr(0, line.find_first_of(",; \t"));
  if (std::find(errors.begin(), errors.end(), word) != errors.end()) return {};
  at_ = end;
  if (!at_end()) skip_line_end();
  return core::trimmed(line.substr(std::min(line.find_first_not_of("#%"), line.size())));
}

Field Splitter::next() {
  Field field;
  const bool runs = separator_ == ' ';
  const size_t start = at_;
  skip_blanks();
  field.quoted = !at_end() && text_[at_] == '"';
  if (field.quoted) {
    field.text = quoted_field();
    skip_blanks();
  } else {
    if (!runs) at_ = start;
    const std::string_view ends = runs                ? " \t\n\r\""
                                  : separator_ == ',' ? ",\n\r\""
                                  : separator_ == ';' ? ";\n\r\""
                                                      : "\t\n\r\"";
    const size_t end = std::min(text_.find_first_of(ends, at_), text_.size());
    if (end < text_.size() && text_[end] == '"')
      fail(line_, "a quote stands inside an unquoted field; write \"a \"\"quoted\"\" word\"");
    field.text = text_.substr(at_, end - at_);
    at_ = end;
    if (runs) skip_blanks();
  }
  if (!runs && !at_end() && text_[at_] == separator_) {
    ++at_;
    return field;
  }
  const bool line_ends = at_end() || text_[at_] == '\n' || text_[at_] == '\r';
  if (runs && !line_ends) return field;
  field.ends_row = true;
  if (!line_ends) fail(line_, "text follows a closing quote; write a separator between fields");
  if (!at_end()) skip_line_end();
  return field;
}

std::string_view Splitter::quoted_field() {
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

}  // namespace fluxsbi::io::csv
