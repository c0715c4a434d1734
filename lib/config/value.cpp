#include "config/value.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <yaml-cpp/yaml.h>

#include "core/error.hpp"

namespace fluxsbi::config {

namespace {

constexpr int max_depth = 32;
constexpr size_t max_values = 1'000'000;
constexpr size_t max_bytes = 16u << 20;

Place place_of(const YAML::Mark& mark, const std::string& file) {
  return {file, mark.line + 1, mark.column + 1};
}

[[noreturn]] void fail(const Place& place, const std::string& message) {
  throw core::UserError(place.text() + ": " + message);
}

class Converter {
 public:
  explicit Converter(const std::string& file) : file_(file) {}

  Value convert(const YAML::Node& node, int depth = 0) {
    Value value;
    value.place = place_of(node.Mark(), file_);
    if (depth > max_depth) fail(value.place, "nested deeper than " + std::to_string(max_depth) + " levels");
    if (++count_ > max_values)
      fail(value.place, "more than " + std::to_string(max_values) + " values; shorten the file");
    if (node.IsScalar()) {
      value.kind = Value::Kind::scalar;
      value.scalar = node.Scalar();
      value.quoted = node.Tag() == "!";
    } else if (node.IsSequence()) {
      value.kind = Value::Kind::list;
      for (const auto& item : node) value.list.push_back(convert(item, depth + 1));
    } else if (node.IsMap()) {
      convert_map(node, value, depth);
    }
    return value;
  }

 private:
  void convert_map(const YAML::Node& node, Value& value, int depth) {
    value.kind = Value::Kind::map;
    for (const auto& item : node) {
      const Place key_place = place_of(item.first.Mark(), file_);
      if (!item.first.IsScalar()) fail(key_place, "a key must be plain text");
      const std::string key = item.first.Scalar();
      if (value.find(key)) fail(key_place, "the key '" + key + "' stands twice in this section; keep one");
      Value child = convert(item.second, depth + 1);
      if (child.place.line <= 0) child.place = key_place;  // yaml-cpp gives an absent value no mark
      value.map.emplace_back(key, std::move(child));
      value.key_places.push_back(key_place);
    }
  }

  const std::string& file_;
  size_t count_ = 0;
};

// yaml-cpp recurses without a limit on nested flow collections and block indents; refuse such text before it
// is parsed.
void check_nesting(const std::string& text, const std::string& file) {
  int flow = 0, line = 1, dashes = 0;
  size_t line_start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      line_start = i + 1;
      dashes = 0;
    }
    if (c == '[' || c == '{') ++flow;
    if ((c == ']' || c == '}') && flow > 0) --flow;
    if ((c == '-' || c == '?' || c == ':') && (i + 1 == text.size() || text[i + 1] == ' ')) ++dashes;
    if (flow > 4 * max_depth || dashes > 8 * max_depth) {
      fail({file, line, static_cast<int>(i - line_start) + 1},
           "nested deeper than " + std::to_string(max_depth) + " levels");
    }
  }
}

}  // namespace

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
      return "'" + scalar + "'";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a section";
  }
  return "";
}

Value parse_yaml(const std::string& text, const std::string& file) {
  if (text.size() > max_bytes)
    throw core::UserError(file + ": larger than 16 MB; a configuration is a few kilobytes");
  if (text.find('\0') != std::string::npos)
    throw core::UserError(file + ": holds a zero byte; this is not a YAML text file");
  check_nesting(text, file);
  try {
    const auto documents = YAML::LoadAll(text);
    if (documents.size() > 1) throw core::UserError(file + ": holds more than one YAML document; keep one");
    if (documents.empty() || documents[0].IsNull()) {
      Value empty;
      empty.kind = Value::Kind::map;
      empty.place = {file, 1, 1};
      return empty;
    }
    Value value = Converter(file).convert(documents[0]);
    if (value.kind != Value::Kind::map)
      fail(value.place, "the top level must be sections (key: value), found " + value.description());
    return value;
  } catch (const YAML::Exception& problem) {
    fail(place_of(problem.mark, file), "not valid YAML: " + problem.msg);
  }
}

Value load_yaml(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw core::UserError(path + ": cannot be read; check the path");
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad() || text.fail()) throw core::UserError(path + ": cannot be read; is it a file?");
  return parse_yaml(text.str(), path);
}

void set_from_command_line(Value& document, const std::string& assignment) {
  const std::string source = "--set " + assignment;
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw core::UserError(source +
                          ": needs the form section.key=value, for example --set training.nsteps=1000");
  }
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
  *target = holder.map.empty() ? Value{} : holder.map[0].second;
  const auto mark = [&source](auto&& self, Value& value) -> void {
    value.place = {source, 0, 0};
    for (auto& item : value.list) self(self, item);
    for (auto& entry : value.map) self(self, entry.second);
    for (auto& place : value.key_places) place = {source, 0, 0};
  };
  mark(mark, *target);
}

}  // namespace fluxsbi::config
