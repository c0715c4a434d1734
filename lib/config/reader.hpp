// Reads a document into typed structs, section by section, and reports everything that is wrong at once.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/table.hpp"
#include "config/value.hpp"

namespace fluxsbi::config {

class Reader {
 public:
  /// The document must outlive the reader.
  explicit Reader(const Value& document) : document_(document) {}

  /// Fills `target` from its section; values that the file does not name keep their defaults. Problems are
  /// collected.
  template <class T>
  void read(const Table<T>& table, T& target) {
    read(table.section(), &target);
  }
  void read(const Section& section, void* target);

  /// True if the file (or --set) gave "section.key" or one of the row's aliases; for an alias "section.alias"
  /// (or a key without effect), if it was given by that name. The section must have been read.
  bool given(const std::string& path) const { return given_.count(path) > 0; }
  /// Where "section.key" (or an alias, by its own name) was given, else the document's start.
  Place place(const std::string& path) const;

  /// Adds a problem that a check across keys found: "PLACE: PATH message".
  void problem(const std::string& path, const std::string& message);
  /// Adds a problem unless low <= high, or low < high where `apart`, at the key that was given, the high one
  /// if both were. If either number is absent, there is no problem.
  void in_order(const std::string& low_path, std::optional<double> low, const std::string& high_path,
                std::optional<double> high, bool apart = false);
  /// Adds a remark that does not stop the program.
  void warning(const std::string& path, const std::string& message);

  /// Call after the last read: reports unknown keys and sections, then throws UserErrors with every problem,
  /// in the order of the file; returns the warnings otherwise.
  std::vector<std::string> finish();
  /// As finish, but keys in sections that nobody read are left alone: for reading a part of a resolved
  /// config.
  std::vector<std::string> finish_part();

 private:
  struct Finding {
    Place place;
    std::string text;
  };

  void read_row(const Section& section, const Row& row, void* target);
  const Value* find(const std::string& path) const;
  /// Keys and sections that may stand right inside a section.
  std::vector<std::string> known_in(const std::string& prefix) const;
  bool is_section(const std::string& path) const;
  void report_unknown(const Value& map, const std::string& prefix);
  std::vector<std::string> throw_or_warnings();

  const Value& document_;
  std::vector<const Section*> sections_;
  std::set<std::string> used_;   ///< paths of the document that a row took
  std::set<std::string> given_;  ///< canonical paths, and the names that were used for them
  std::vector<std::pair<std::string, Place>> given_places_;
  std::vector<Finding> problems_;
  std::vector<Finding> warnings_;
};

/// YAML text of one section with its present values, nested by the dots of the section's name.
/// Rows without effect are left out. Sections must be appended in an order that keeps nested ones beside
/// their parent.
class Writer {
 public:
  template <class T>
  void add(const Table<T>& table, const T& source) {
    add(table.section(), &source);
  }
  void add(const Section& section, const void* source);
  std::string text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> open_;  ///< names of the sections that the text stands in
};

/// Rows of Markdown tables for the documentation: key, type, default, allowed, meaning, aliases.
template <class T>
std::string reference(const Table<T>& table) {
  const T defaults{};
  return reference(table.section(), &defaults);
}
std::string reference(const Section& section, const void* defaults);

}  // namespace fluxsbi::config
