#include "config/value.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::config {

std::string Place::text() const {
  return line > 0 ? file + ":" + std::to_string(line) + ":" + std::to_string(column) : file;
}

const Value* Value::find(std::string_view key) const {
  const auto found =
      std::find_if(map.begin(), map.end(), [&](const auto& entry) { return entry.first == key; });
  return found == map.end() ? nullptr : &found->second;
}

std::string Value::description() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return core::quoted(scalar);
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a section";
  }
  return "";
}

Value load_yaml(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw core::UserError(path + ": cannot be read; check the path");
  std::ostringstream text;
  text << file.rdbuf();
  // An empty file inserts nothing, which sets the fail bit, as a folder does.
  std::error_code ignored;
  if (file.bad() || text.bad() || std::filesystem::is_directory(path, ignored))
    throw core::UserError(path + ": cannot be read; is it a file?");
  return parse_yaml(text.str(), path);
}

void set_from_command_line(Value& document, const std::string& assignment) {
  const std::string source = "--set " + assignment;
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw core::UserError(source +
                          ": needs the form section.key=value, for example --set training.nsteps=1000");
  }
  if (assignment[equals - 1] == '.') throw core::UserError(source + ": the key ends with a dot");
  std::istringstream path(assignment.substr(0, equals));
  Value* target = &document;
  std::string word;
  while (std::getline(path, word, '.')) {
    if (word.empty()) throw core::UserError(source + ": an empty name in the key");
    if (target->kind == Value::Kind::null) target->kind = Value::Kind::map;
    if (target->kind != Value::Kind::map)
      throw core::UserError(source + ": the part before '" + word + "' is not a section");
    auto found = std::find_if(target->map.begin(), target->map.end(),
                              [&](const auto& entry) { return entry.first == word; });
    if (found == target->map.end()) {
      target->map.emplace_back(word, Value{});
      target->key_places.push_back({source, 0, 0});
      found = target->map.end() - 1;
    }
    target = &found->second;
  }
  Value holder = parse_yaml("value: " + assignment.substr(equals + 1), source);
  if (holder.map.size() != 1) throw core::UserError(source + ": one value is needed after '='");
  *target = std::move(holder.map[0].second);
  const auto mark = [&source](auto&& self, Value& value) -> void {
    value.place = {source, 0, 0};
    for (auto& item : value.list) self(self, item);
    for (auto& entry : value.map) self(self, entry.second);
    for (auto& place : value.key_places) place = {source, 0, 0};
  };
  mark(mark, *target);
}

}  // namespace fluxsbi::config
