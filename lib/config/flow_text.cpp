#include "config/flow_text.hpp"

#include <algorithm>
#include <string_view>

#include "config/rules.hpp"

namespace fluxsbi::config {

namespace {

// True for text that YAML takes as it stands, in any place.
bool is_plain(const std::string& text) {
  const auto is_plain_character = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("_./+-").find(c) != std::string_view::npos;
  };
  return !text.empty() && text != "-" && std::all_of(text.begin(), text.end(), is_plain_character);
}

std::string scalar_text(const Value& value) {
  return !value.quoted && is_plain(value.scalar) ? value.scalar : emit(value.scalar);
}

}  // namespace

std::string key_text(const std::string& key) {
  return is_plain(key) ? key : emit(key);
}

std::string flow_text(const Value& value) {
  std::string text;
  const auto more = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  switch (value.kind) {
    case Value::Kind::null:
      return "null";
    case Value::Kind::scalar:
      return scalar_text(value);
    case Value::Kind::list:
      for (const Value& item : value.list) more(flow_text(item));
      return "[" + text + "]";
    case Value::Kind::map:
      for (const auto& [key, item] : value.map) more(key_text(key) + ": " + flow_text(item));
      return "{" + text + "}";
  }
  return text;
}

}  // namespace fluxsbi::config
