// A YAML document as a tree of values that know their place in the file.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxsbi::config {

/// Where a value stands: file and 1-based line and column, or the --set argument that gave it.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;

  /// "configs/a.yaml:12:3", or the file alone where there is no line
  std::string text() const;
};

struct Value {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  std::string scalar;   ///< text of a scalar
  bool quoted = false;  ///< a quoted scalar is text, whatever it looks like
  std::vector<Value> list;
  std::vector<std::pair<std::string, Value>> map;  ///< in the file's order
  std::vector<Place> key_places;                   ///< of each entry of `map`
  Place place;

  const Value* find(std::string_view key) const;
  /// "a list", "a section", "'abc'", "nothing"
  std::string description() const;
};

/// Parses one YAML document whose top level is a map (an empty text is an empty map). `file` names it in
/// messages. Throws UserError with file:line:column for what is not YAML, for a key that occurs twice, for
/// nesting deeper than 32 levels, for more than 100,000 values (anchors expanded), and for text beyond 16 MB.
Value parse_yaml(const std::string& text, const std::string& file);

/// Reads and parses a file. Throws UserError if it cannot be read.
Value load_yaml(const std::string& path);

/// Applies one "section.key=value" of the command line (value in YAML syntax) to a document.
/// Throws UserError naming --set for a missing '=' or a path through something that is not a map.
void set_from_command_line(Value& document, const std::string& assignment);

}  // namespace fluxsbi::config
