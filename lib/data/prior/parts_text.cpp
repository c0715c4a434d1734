// prior.parameters as text: read from a config with every mistake at its place, and written for resolved
// configs.
#include <algorithm>
#include <map>
#include <set>

#include "config/nested.hpp"
#include "core/error.hpp"
#include "core/registry.hpp"
#include "core/text.hpp"
#include "data/prior/parts.hpp"

namespace fluxsbi::data {

namespace {

using config::Value;

class PartsReader {
 public:
  void read_map(const Value& value) {
    for (size_t i = 0; i < value.map.size(); ++i) {
      const auto& [key, entry] = value.map[i];
      path_ = "." + key;
      read_part(entry, value.key_places[i], key);
    }
  }
  void read_list(const Value& value) {
    for (size_t i = 0; i < value.list.size(); ++i) {
      path_ = "[" + std::to_string(i) + "]";
      read_part(value.list[i], value.list[i].place, "");
    }
  }
  PriorParts finish() {
    if (!problems_.empty()) throw config::NestedProblems(std::move(problems_));
    return std::move(parts_);
  }

 private:
  void complain(const config::Place& place, const std::string& key, const std::string& message) {
    problems_.push_back({place, path_ + (key.empty() ? "" : "." + key), message});
  }

  // `name`: the entry's own where it stands in a map.
  void read_part(const Value& entry, const config::Place& place, const std::string& name) {
    if (entry.kind != Value::Kind::map) {
      complain(place, "",
               "must be a section like {kind: uniform, low: 0, high: 1}, found " + entry.description());
      return;
    }
    const Value* kind_value = entry.find("kind");
    std::string kind_name;
    if (!kind_value) {
      complain(place, "", "lacks kind, one of " + kinds_text());
      return;
    }
    if (auto problem = config::read(*kind_value, kind_name))
      return complain(kind_value->place, "kind", *problem);
    const PriorKindRow* kind = core::find_row(prior_kinds(), kind_name);
    if (!kind) {
      return complain(kind_value->place, "kind",
                      "must be one of " + kinds_text() + ", found " + core::quoted(kind_name) +
                          core::nearest_hint(kind_name, core::row_names(prior_kinds())));
    }
    const size_t before = problems_.size();
    PriorPart part{std::string(kind->name), {}, {}};
    std::map<std::string, config::Place> places;
    for (size_t i = 0; i < entry.map.size(); ++i) {
      const auto& [key, value] = entry.map[i];
      if (key != "kind") read_key(key, value, entry.key_places[i], *kind, part, places);
    }
    if (part.names.empty() && !name.empty()) part.names = {name};
    if (problems_.size() > before) return;
    const auto report = [&](const std::string& key, const std::string& message) {
      const auto found = places.find(key);
      complain(found == places.end() ? place : found->second, key, message);
    };
    add(std::move(part), *kind, report);
  }

  void read_key(const std::string& key, const Value& value, const config::Place& place,
                const PriorKindRow& kind, PriorPart& part, std::map<std::string, config::Place>& places) {
    places[key] = value.place;
    if (key == "name" || key == "names") {
      std::string one;
      if (!part.names.empty())
        return complain(place, key, "stands beside another key of names; keep one of them");
      if (auto problem = key == "name" ? config::read(value, one) : config::read(value, part.names))
        return complain(value.place, key, *problem);
      if (key == "name") part.names = {one};
      return;
    }
    const auto own = std::find_if(kind.keys.begin(), kind.keys.end(), [&](const PriorKey& row) {
      return row.name == key || row.inverse == key ||
             std::count(row.aliases.begin(), row.aliases.end(), key) > 0;
    });
    const bool cut = own == kind.keys.end() && kind.can_be_cut() && (key == "low" || key == "high");
    if (own == kind.keys.end() && !cut) {
      return complain(place, key,
                      "is no key of the kind " + std::string(kind.name) + ", which has " +
                          core::join(keys_of(kind)) + core::nearest_hint(key, keys_of(kind)));
    }
    const std::string canonical = cut ? key : std::string(own->name);
    places[canonical] = value.place;
    if (part.find(canonical))
      return complain(place, key, "and another key give " + canonical + "; keep one of them");
    std::vector<double> numbers;
    if (auto problem = read_numbers(value, cut ? PriorKey::Form::number : own->form, numbers))
      return complain(value.place, key, *problem);
    if (!cut && key == own->inverse) {
      if (!(numbers[0] > 0))
        return complain(value.place, key, "must be above 0, found " + core::number_text(numbers[0]));
      numbers[0] = 1 / numbers[0];
    }
    part.numbers.emplace_back(canonical, std::move(numbers));
  }

  static config::Problem read_numbers(const Value& value, PriorKey::Form form, std::vector<double>& numbers) {
    if (form == PriorKey::Form::list) return config::read(value, numbers);
    if (form == PriorKey::Form::number) {
      numbers.resize(1);
      return config::read(value, numbers[0]);
    }
    std::vector<std::vector<double>> rows;
    if (auto problem = config::read(value, rows)) return problem;
    for (const auto& row : rows) {
      if (row.size() != rows.size()) {
        return "must be a square matrix like [[1, 0.5], [0.5, 1]], found " + std::to_string(rows.size()) +
               " rows, one of them with " + std::to_string(row.size()) + " numbers";
      }
      numbers.insert(numbers.end(), row.begin(), row.end());
    }
    return {};
  }

  // Several names of a kind of one parameter stand for as many parts.
  void add(PriorPart part, const PriorKindRow& kind, const PriorComplaint& report) {
    const size_t before = problems_.size();
    auto names = part.names;
    if (!kind.group && names.size() > 1) part.names.clear();
    check_part(part, report);
    if (problems_.size() > before) return;
    for (const auto& name : names) {
      if (!names_.insert(name).second)
        report("", "is a second parameter of the name " + core::quoted(name) + "; names must differ");
    }
    if (kind.group || names.size() < 2) {
      parts_.parts.push_back(std::move(part));
      return;
    }
    for (const auto& name : names) {
      part.names = {name};
      parts_.parts.push_back(part);
    }
  }

  static std::string kinds_text() {
    std::vector<std::string> names;
    for (const auto& row : prior_kinds()) names.emplace_back(row.name);
    return core::join(names);
  }

  static std::vector<std::string> keys_of(const PriorKindRow& kind) {
    std::vector<std::string> keys;
    for (const PriorKey& key : kind.keys) {
      keys.emplace_back(key.name);
      if (!key.inverse.empty()) keys.push_back(key.inverse);
    }
    if (kind.can_be_cut()) keys.insert(keys.end(), {"low", "high"});
    return keys;
  }

  PriorParts parts_;
  std::vector<config::NestedProblem> problems_;
  std::set<std::string> names_;
  std::string path_;  ///< of the part at hand, below prior.parameters
};

std::string emit_numbers(const std::vector<double>& values, PriorKey::Form form) {
  if (form == PriorKey::Form::number) return config::emit(values[0]);
  if (form == PriorKey::Form::list) return config::emit(values);
  size_t dim = 1;
  while (dim * dim < values.size()) ++dim;
  std::vector<std::vector<double>> rows;
  for (size_t i = 0; i < values.size(); i += dim) {
    rows.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(i),
                      values.begin() + static_cast<std::ptrdiff_t>(i + dim));
  }
  return config::emit(rows);
}

}  // namespace

config::Problem read(const config::Value& value, PriorParts& out) {
  PartsReader reader;
  if (value.kind == Value::Kind::map) {
    reader.read_map(value);
  } else if (value.kind == Value::Kind::list) {
    reader.read_list(value);
  } else {
    return "must be a section with a key for each parameter, or a list, found " + value.description();
  }
  PriorParts parts = reader.finish();
  if (parts.parts.empty())
    return "holds no parameters; give each a kind, for example mass: {kind: uniform, low: 0, high: 1}";
  out = std::move(parts);
  return {};
}

std::string emit(const PriorParts& parts) {
  std::string text;
  for (const PriorPart& part : parts.parts) {
    const PriorKindRow& kind = *core::find_row(prior_kinds(), part.kind);
    text += (text.empty() ? "{" : ", {");
    if (kind.group && !part.names.empty()) text += "names: " + config::emit(part.names) + ", ";
    if (!kind.group && !part.names.empty()) text += "name: " + config::emit(part.names[0]) + ", ";
    text += "kind: " + part.kind;
    for (const auto& [key, values] : part.numbers) {
      auto form = PriorKey::Form::number;
      for (const PriorKey& row : kind.keys) {
        if (row.name == key) form = row.form;
      }
      text += ", " + key + ": " + emit_numbers(values, form);
    }
    text += "}";
  }
  return "[" + text + "]";
}

std::string type_name(const PriorParts*) {
  return "section or list";
}

}  // namespace fluxsbi::data
