#include "config/reader.hpp"

#include <algorithm>
#include <sstream>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::config {

namespace {

std::string path_of(const Section& section, const std::string& key) {
  return key.find('.') != std::string::npos ? key : section.name + "." + key;
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
  for (const auto& word : split(section.name)) {
    const Value* next = value->find(word);
    if (!next) break;
    if (next->kind == Value::Kind::scalar || next->kind == Value::Kind::list) {
      problems_.push_back({next->place, next->place.text() + ": " + section.name +
                                            " must be a section with keys, found " + next->description()});
      used_.insert(section.name);
      break;
    }
    value = next;
  }
  for (const Row& row : section.rows) read_row(section, row, target);
}

void Reader::read_row(const Section& section, const Row& row, void* target) {
  std::vector<std::string> names{row.key};
  names.insert(names.end(), row.aliases.begin(), row.aliases.end());
  const std::string canonical = section.name + "." + row.key;
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
    given_places_.emplace_back(canonical, value->place);
    if (auto problem = row.read(target, *value)) {
      problems_.push_back({value->place, value->place.text() + ": " + path + " " + *problem});
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

void Reader::warning(const std::string& path, const std::string& message) {
  const Place where = place(path);
  warnings_.push_back({where, where.text() + ": " + path + " " + message});
}

void Reader::report_unknown(const Value& map, const std::string& prefix) {
  for (size_t i = 0; i < map.map.size(); ++i) {
    const auto& [key, value] = map.map[i];
    const std::string path = prefix.empty() ? key : prefix + "." + key;
    if (used_.count(path)) continue;
    const bool is_section = std::any_of(sections_.begin(), sections_.end(), [&](const Section* section) {
      return section->name == path || section->name.rfind(path + ".", 0) == 0;
    });
    if (is_section) {
      report_unknown(value, path);
      continue;
    }
    std::vector<std::string> known;
    for (const Section* section : sections_) {
      const std::string head = prefix.empty() ? "" : prefix + ".";
      if (section->name.rfind(head, 0) == 0) {
        const std::string rest = section->name.substr(head.size());
        known.push_back(rest.substr(0, rest.find('.')));
      }
      if (section->name != prefix) continue;
      for (const Row& row : section->rows) {
        known.push_back(row.key);
        for (const auto& alias : row.aliases) {
          if (alias.find('.') == std::string::npos) known.push_back(alias);
        }
      }
    }
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    std::erase(known, "");
    const Place& where = map.key_places[i];
    const std::string what = prefix.empty() ? "unknown section '" + key + "'" : "unknown key '" + path + "'";
    problems_.push_back({where, where.text() + ": " + what + core::did_you_mean(key, known)});
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
