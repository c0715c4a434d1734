// The types an option may have, how their text is read, and the rules that a value must keep.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "config/value.hpp"

namespace fluxsbi::config {

/// What is wrong with a value, for example "must be a whole number, found 'abc'"; nothing when it is fine.
using Problem = std::optional<std::string>;

/// Reads one value. `out` is set only when nothing is returned.
Problem read(const Value& value, bool& out);
Problem read(const Value& value, int64_t& out);
Problem read(const Value& value, double& out);
Problem read(const Value& value, std::string& out);

/// An enum that a config writes by name. Its enumerators count from 0, and beside it stands
///   std::span<const std::string_view> enum_names(E)
/// which lists their names in that order.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E value) {
  { enum_names(value) } -> std::convertible_to<std::span<const std::string_view>>;
};

template <NamedEnum E>
std::string name_of(E value) {
  return std::string(enum_names(value)[static_cast<size_t>(value)]);
}

/// The position of the name that the value must be one of.
Problem read_name(const Value& value, std::span<const std::string_view> names, size_t& out);

template <NamedEnum E>
Problem read(const Value& value, E& out) {
  size_t at = 0;
  if (auto problem = read_name(value, enum_names(E{}), at)) return problem;
  out = static_cast<E>(at);
  return {};
}

template <class T>
Problem read(const Value& value, std::vector<T>& out) {
  if (value.kind != Value::Kind::list) return "must be a list like [a, b], found " + value.description();
  std::vector<T> items;
  for (const auto& item : value.list) {
    T one{};
    if (auto problem = read(item, one)) return "entry " + std::to_string(items.size() + 1) + " " + *problem;
    items.push_back(std::move(one));
  }
  out = std::move(items);
  return {};
}

/// An optional option: `null`, `auto` and `none` (where T is not text: the text itself) mean absent.
template <class T>
Problem read(const Value& value, std::optional<T>& out) {
  const bool absent =
      value.kind == Value::Kind::null || (value.kind == Value::Kind::scalar && !value.quoted &&
                                          (value.scalar == "auto" || value.scalar == "none"));
  if (absent) {
    out.reset();
    return {};
  }
  T one{};
  if (auto problem = read(value, one)) return problem;
  out = std::move(one);
  return {};
}

/// YAML text of a value.
std::string emit(bool value);
std::string emit(int64_t value);
std::string emit(double value);
std::string emit(const std::string& value);
template <NamedEnum E>
std::string emit(E value) {
  return emit(name_of(value));
}
template <class T>
std::string emit(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) text += (text.empty() ? "" : ", ") + emit(value);
  return "[" + text + "]";
}
template <class T>
std::string emit(const std::optional<T>& value) {
  return value ? emit(*value) : "null";
}

/// The name of a type in messages and in the reference.
inline std::string type_name(const bool*) {
  return "true or false";
}
inline std::string type_name(const int64_t*) {
  return "whole number";
}
inline std::string type_name(const double*) {
  return "number";
}
inline std::string type_name(const std::string*) {
  return "text";
}
template <NamedEnum E>
std::string type_name(const E*) {
  return "text";
}
template <class T>
std::string type_name(const std::vector<T>*) {
  return "list of " + type_name(static_cast<const T*>(nullptr));
}
template <class T>
std::string type_name(const std::optional<T>*) {
  return type_name(static_cast<const T*>(nullptr)) + " or null";
}

/// What a value must keep: `allowed` says it in words, `holds` decides; `hint`, where there is one, adds to
/// the error of a value that does not, for example " (did you mean 'flow'?)".
template <class T>
struct Rule {
  std::string allowed;
  std::function<bool(const T&)> holds;
  std::function<std::string(const T&)> hint = {};
};

Rule<double> number_between(double low, double high);      ///< low <= v <= high
Rule<double> number_at_least(double low);                  ///< low <= v, finite
Rule<double> number_above(double low);                     ///< low < v, finite
Rule<double> finite_number();                              ///< no NaN, no infinity
Rule<double> fraction_below_one();                         ///< 0 <= v < 1
Rule<int64_t> integer_between(int64_t low, int64_t high);  ///< low <= v <= high
Rule<int64_t> integer_at_least(int64_t low);
Rule<std::string> one_of(std::vector<std::string> names);  ///< an error names the nearest

/// "one of a, b, c"; reading has refused every other name already.
std::string one_of_text(std::span<const std::string_view> names);
template <NamedEnum E>
Rule<E> one_of() {
  return {one_of_text(enum_names(E{})), [](E) { return true; }};
}

/// The rule for every entry of a list, with a length of at least `shortest`.
template <class T>
Rule<std::vector<T>> each(Rule<T> rule, size_t shortest = 1) {
  const std::string allowed =
      "a list of at least " + std::to_string(shortest) + "; each entry " + rule.allowed;
  return {allowed,
          [rule, shortest](const std::vector<T>& values) {
            if (values.size() < shortest) return false;
            for (const T& value : values) {
              if (!rule.holds(value)) return false;
            }
            return true;
          },
          [rule](const std::vector<T>& values) -> std::string {
            for (const T& value : values) {
              if (rule.hint && !rule.holds(value)) return rule.hint(value);
            }
            return "";
          }};
}

/// The rule for a value that may be absent.
template <class T>
Rule<std::optional<T>> if_given(Rule<T> rule) {
  return {rule.allowed + ", or null",
          [rule](const std::optional<T>& value) { return !value || rule.holds(*value); },
          [rule](const std::optional<T>& value) { return value && rule.hint ? rule.hint(*value) : ""; }};
}

/// Anything of the type.
template <class T>
Rule<T> any() {
  return {"", [](const T&) { return true; }};
}

}  // namespace fluxsbi::config
