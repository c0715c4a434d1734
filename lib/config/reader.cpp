#include "config/reader.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <sstream>

#include "config/nested.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::config {

namespace {

std::string path_of(const Section& section, const std::string& key) {
  return section.name.empty() || key.find('.') != std::string::npos ? key : section.name + "." + key;
}

// The path of an option called so in whatever section; "" where there is none or more than one.
std::string elsewhere(std::span<const Section* const> sections, const std::string& key) {
  std::set<std::string> paths;
  for (const Section* section : sections) {
    for (const Row& row : section->rows) {
      if (row.key == key) paths.insert(path_of(*section, key));
    }
  }
  return paths.size() == 1 ? *paths.begin() : "";
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> words;
  std::istringstream stream(path);
  for (std::string word; std::getline(stream, word, '.');) words.push_back(word);
  return words;
}

}  // namespace

const Value* Reader::find(const std::string& path) const {
  const Value* value = &document_;
  for (const auto& word : split(path)) {
    value = value->find(word);
    if (!value) return nullptr;
  }
  return value;
}

void Reader::read(const Section& section, void* target) {
  sections_.push_back(&section);
  const Value* value = &document_;
  std::string path;
  for (const auto& word : split(section.name)) {
    value = value->find(word);
    if (!value) break;
    path += (path.empty() ? "" : ".") + word;
    if (value->kind == Value::Kind::scalar || value->kind == Value::Kind::list) {
      problems_.push_back({value->place, value->place.text() + ": " + path +
                                             " must be a section with keys, found " + value->description()});
      break;
    }
  }
  for (const Row& row : section.rows) read_row(section, row, target);
}

void Reader::read_row(const Section& section, const Row& row, void* target) {
  std::vector<std::string> names{row.key};
  names.insert(names.end(), row.aliases.begin(), row.aliases.end());
  const std::string canonical = section.name.empty() ? row.key : section.name + "." + row.key;
  std::string taken;
  for (const auto& name : names) {
    const std::string path = path_of(section, name);
    const Value* value = find(path);
    if (!value) continue;
    used_.insert(path);
    given_.insert(path);
    if (!row.unused_because.empty()) {
      warnings_.push_back(
          {value->place, value->place.text() + ": " + path + " has no effect here: " + row.unused_because});
      continue;
    }
    if (!taken.empty()) {
      problems_.push_back({value->place, value->place.text() + ": " + path + " and " + taken +
                                             " are two names of one option; keep one of them"});
      continue;
    }
    taken = path;
    given_.insert(canonical);
    for (const auto& given : {canonical, path}) given_places_.emplace_back(given, value->place);
    try {
      if (auto problem = row.read(target, *value))
        problems_.push_back({value->place, value->place.text() + ": " + path + " " + *problem});
    } catch (const NestedProblems& inside) {
      for (const NestedProblem& one : inside.problems())
        problems_.push_back({one.place, one.place.text() + ": " + path + one.path + " " + one.message});
    }
  }
}

Place Reader::place(const std::string& path) const {
  for (const auto& [name, place] : given_places_) {
    if (name == path) return place;
  }
  return {document_.place.file, 0, 0};
}

void Reader::problem(const std::string& path, const std::string& message) {
  const Place where = place(path);
  problems_.push_back({where, where.text() + ": " + path + " " + message});
}

void Reader::in_order(const std::string& low_path, std::optional<double> low, const std::string& high_path,
                      std::optional<double> high, bool apart) {
  if (!low || !high || *low < *high || (!apart && *low == *high)) return;
  const auto key = [](const std::string& path) { return path.substr(path.rfind('.') + 1); };
  if (given(low_path) && !given(high_path)) {
    problem(low_path, (apart ? "must be below " : "must not be above ") + key(high_path) + " = " +
                          emit(*high) + ", found " + emit(*low));
  } else {
    problem(high_path, (apart ? "must be above " : "must not be below ") + key(low_path) + " = " +
                           emit(*low) + ", found " + emit(*high));
  }
}

void Reader::warning(const std::string& path, const std::string& message) {
  const Place where = place(path);
  warnings_.push_back({where, where.text() + ": " + path + " " + message});
}

std::vector<std::string> Reader::known_in(const std::string& prefix) const {
  std::set<std::string> known;
  const std::string head = prefix.empty() ? "" : prefix + ".";
  for (const Section* section : sections_) {
    if (!section->name.empty() && section->name.starts_with(head)) {
      const std::string rest = section->name.substr(head.size());
      known.insert(rest.substr(0, rest.find('.')));
    }
    for (const Row& row : section->rows) {
      std::vector<std::string> names{row.key};
      names.insert(names.end(), row.aliases.begin(), row.aliases.end());
      for (const auto& name : names) {
        const std::string path = path_of(*section, name);
        if (path.starts_with(head) && path.find('.', head.size()) == std::string::npos)
          known.insert(path.substr(head.size()));
      }
    }
  }
  return {known.begin(), known.end()};
}

bool Reader::is_section(const std::string& path) const {
  const std::string head = path + ".";
  const auto holds = [&](const Section* section) {
    return section->name == path || section->name.starts_with(head);
  };
  if (std::any_of(sections_.begin(), sections_.end(), holds)) return true;
  const auto inside = used_.lower_bound(head);  // an alias that stands in a section of its own
  return inside != used_.end() && inside->starts_with(head);
}

void Reader::report_unknown(const Value& map, const std::string& prefix) {
  const std::vector<std::string> known = known_in(prefix);
  for (size_t i = 0; i < map.map.size(); ++i) {
    const auto& [key, value] = map.map[i];
    const std::string path = prefix.empty() ? key : prefix + "." + key;
    const bool dotted = key.find('.') != std::string::npos;  // its path is that of another key
    if (!dotted && used_.count(path)) continue;
    if (!dotted && is_section(path)) {
      report_unknown(value, path);
      continue;
    }
    const Place& where = map.key_places[i];
    const std::string what = (prefix.empty() ? "unknown section " : "unknown key ") + core::quoted(path);
    const std::string near = core::nearest_hint(key, known),
                      place = near.empty() ? elsewhere(sections_, key) : "";
    std::string hint;
    if (dotted) {
      hint = "; write sections one inside the other, not joined by dots";
    } else if (key == "<<") {
      hint = "; sections are not merged here: write the keys out";
    } else if (!place.empty()) {
      hint = " (did you mean " + core::quoted(place) + "?)";
    } else {
      hint = core::did_you_mean(key, known);
    }
    problems_.push_back({where, where.text() + ": " + what + hint});
  }
}

std::vector<std::string> Reader::finish() {
  report_unknown(document_, "");
  return throw_or_warnings();
}

std::vector<std::string> Reader::finish_part() {
  return throw_or_warnings();
}

std::vector<std::string> Reader::throw_or_warnings() {
  const auto by_place = [](const Finding& a, const Finding& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  };
  std::stable_sort(problems_.begin(), problems_.end(), by_place);
  std::stable_sort(warnings_.begin(), warnings_.end(), by_place);
  std::vector<std::string> lines;
  for (const auto& finding : problems_.empty() ? warnings_ : problems_) {
    if (lines.empty() || lines.back() != finding.text) lines.push_back(finding.text);
  }
  if (!problems_.empty()) throw core::UserErrors(lines);
  return lines;
}

void Writer::add(const Section& section, const void* source) {
  const auto words = split(section.name);
  size_t common = 0;
  while (common < words.size() && common < open_.size() && words[common] == open_[common]) ++common;
  for (size_t i = common; i < words.size(); ++i) text_ += std::string(2 * i, ' ') + words[i] + ":\n";
  open_ = words;
  for (const Row& row : section.rows) {
    if (row.emit) text_ += std::string(2 * words.size(), ' ') + row.key + ": " + row.emit(source) + "\n";
  }
}

}  // namespace fluxsbi::config
