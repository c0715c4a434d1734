#include "config/rules.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/text.hpp"

namespace fluxsbi::config {

namespace {

// A number's text as from_chars takes it: without a leading '+' and without '_' between digits (100_000).
std::string plain_number(const std::string& text) {
  const auto is_digit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  std::string plain;
  for (size_t i = text.starts_with('+') && !text.starts_with("+-") ? 1 : 0; i < text.size(); ++i) {
    const bool separates = text[i] == '_' && i > 0 && is_digit(i - 1) && is_digit(i + 1);
    if (!separates) plain += text[i];
  }
  return plain;
}

// A number as YAML 1.1 and 1.2 write it.
Problem read_number(const Value& value, double& out) {
  const std::string wrong = "must be a number, found " + value.description();
  if (value.kind != Value::Kind::scalar || value.quoted) return wrong;
  const std::string text = plain_number(value.scalar);
  if (text == ".nan") return "must be a number, found '.nan'";
  if (text == ".inf" || text == "-.inf") {  // bounds may be open; the rules of other options refuse it
    out = text[0] == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    return {};
  }
  double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc::result_out_of_range) return "is out of range: " + core::quoted(text);
  if (problem != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return wrong;
  out = number;
  return {};
}

}  // namespace

Problem read(const Value& value, bool& out) {
  static const std::vector<std::string> yes{"true", "True", "TRUE", "yes", "on"},
      no{"false", "False", "FALSE", "no", "off"};
  if (value.kind == Value::Kind::scalar && !value.quoted) {
    const bool is_yes = std::count(yes.begin(), yes.end(), value.scalar),
               is_no = std::count(no.begin(), no.end(), value.scalar);
    if (is_yes || is_no) {
      out = is_yes;
      return {};
    }
  }
  return "must be true or false, found " + value.description();
}

Problem read(const Value& value, int64_t& out) {
  const std::string wrong = "must be a whole number, found " + value.description();
  if (value.kind != Value::Kind::scalar || value.quoted) return wrong;
  const std::string text = plain_number(value.scalar);
  if (const auto whole = core::parse_whole_number(text)) {
    out = *whole;
    return {};
  }
  double number = 0;  // 1e5
  if (read_number(value, number) || number != std::floor(number) || std::abs(number) > 9e15) return wrong;
  out = static_cast<int64_t>(number);
  return {};
}

Problem read(const Value& value, double& out) {
  return read_number(value, out);
}

Problem read(const Value& value, std::string& out) {
  if (value.kind != Value::Kind::scalar) return "must be text, found " + value.description();
  out = value.scalar;
  return {};
}

Problem read_name(const Value& value, std::span<const std::string_view> names, size_t& out) {
  std::string text;
  if (auto problem = read(value, text)) return problem;
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    return "must be " + one_of_text(names) + ", found " + value.description() +
           core::nearest_hint(text, std::vector<std::string>(names.begin(), names.end()));
  }
  out = static_cast<size_t>(found - names.begin());
  return {};
}

std::string emit(bool value) {
  return value ? "true" : "false";
}
std::string emit(int64_t value) {
  return std::to_string(value);
}
std::string emit(double value) {
  return core::number_text(value);
}

std::string emit(const std::string& value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "\"";
  for (const char c : value) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '\n') {
      text += "\\n";
    } else if (code < 0x20 || code == 0x7f) {
      text += "\\x";
      text += digits[code >> 4];
      text += digits[code & 0xfu];
    } else {
      text += c;
    }
  }
  return text + "\"";
}

Rule<double> number_between(double low, double high) {
  return {"from " + core::number_text(low) + " to " + core::number_text(high),
          [=](double v) { return v >= low && v <= high; }};
}

Rule<double> number_at_least(double low) {
  return {"at least " + core::number_text(low), [=](double v) { return std::isfinite(v) && v >= low; }};
}

Rule<double> number_above(double low) {
  return {"above " + core::number_text(low), [=](double v) { return std::isfinite(v) && v > low; }};
}

Rule<double> finite_number() {
  return {"finite", [](double v) { return std::isfinite(v); }};
}

Rule<double> fraction_below_one() {
  return {"at least 0 and below 1", [](double v) { return v >= 0 && v < 1; }};
}

Rule<int64_t> integer_between(int64_t low, int64_t high) {
  return {"from " + std::to_string(low) + " to " + std::to_string(high),
          [=](int64_t v) { return v >= low && v <= high; }};
}

Rule<int64_t> integer_at_least(int64_t low) {
  return {"at least " + std::to_string(low), [=](int64_t v) { return v >= low; }};
}

std::string one_of_text(std::span<const std::string_view> names) {
  return "one of " + core::join(std::vector<std::string>(names.begin(), names.end()));
}

Rule<std::string> one_of(std::vector<std::string> names) {
  const std::string allowed = "one of " + core::join(names);
  return {allowed,
          [names](const std::string& v) { return std::find(names.begin(), names.end(), v) != names.end(); },
          [names](const std::string& v) { return core::nearest_hint(v, names); }};
}

}  // namespace fluxsbi::config
