#include "checkpoint/compare.hpp"

#include <algorithm>

#include "config/value.hpp"
#include "core/error.hpp"

namespace fluxsbi::checkpoint {

namespace {

using Flat = std::vector<std::pair<std::string, std::string>>;

std::string text_of(const config::Value& value) {
  using Kind = config::Value::Kind;
  if (value.kind == Kind::null) return "null";
  if (value.kind == Kind::scalar) return value.scalar;
  std::string text;
  for (const auto& item : value.list) text += (text.empty() ? "" : ", ") + text_of(item);
  return "[" + text + "]";
}

void flatten(const config::Value& value, const std::string& path, Flat& out) {
  for (const auto& [key, child] : value.map) {
    const std::string name = path.empty() ? key : path + "." + key;
    if (child.kind == config::Value::Kind::map) {
      flatten(child, name, out);
    } else {
      out.emplace_back(name, text_of(child));
    }
  }
}

Flat flat(const std::string& yaml, const std::string& name) {
  Flat out;
  flatten(config::parse_yaml(yaml, name), "", out);
  return out;
}

std::string find(const Flat& values, const std::string& key) {
  for (const auto& [name, text] : values) {
    if (name == key) return text;
  }
  return "nothing";
}

bool covered(const std::string& key, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return key == name || key.starts_with(name + "."); });
}

}  // namespace

std::vector<Difference> differing_keys(const std::string& theirs, const std::string& ours) {
  const Flat there = flat(theirs, "the other configuration"), here = flat(ours, "this configuration");
  std::vector<Difference> differences;
  for (const auto& [key, text] : here) {
    if (const std::string other = find(there, key); other != text) differences.push_back({key, other, text});
  }
  for (const auto& [key, text] : there) {
    const bool only_there =
        std::none_of(here.begin(), here.end(), [&](const auto& one) { return one.first == key; });
    if (only_there) differences.push_back({key, text, "nothing"});
  }
  return differences;
}

void require_same_config(const std::string& source, const std::string& theirs, const std::string& ours,
                         const std::vector<std::string>& free) {
  std::string list;
  for (const auto& [key, there, here] : differing_keys(theirs, ours)) {
    if (covered(key, free)) continue;
    list += (list.empty() ? "" : "; ") + key + " is " + there + " there and " + here + " here";
  }
  if (list.empty()) return;
  throw core::UserError(source + " belongs to another configuration: " + list +
                        ". Resume with the configuration that it was written with, or train into another "
                        "folder");
}

}  // namespace fluxsbi::checkpoint
