#include "experiment/observation_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::experiment {

namespace {

using nlohmann::json;

const std::vector<std::string> known_keys{"x", "id", "n", "seed", "row"};

// JSON by itself takes the last of two values of one key, and which of them was meant nobody knows.
json parsed(const std::string& text) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto refuse_twice = [&keys](int, json::parse_event_t event, const json& value) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      throw core::UserError("the key " + core::quoted(value.get<std::string>()) + " stands twice; keep one");
    return true;
  };
  try {
    return json::parse(text, refuse_twice);
  } catch (const json::exception& problem) {
    const std::string what = problem.what();  // "[json.exception...] parse error at line 1, column 5: ..."
    throw core::UserError("is not JSON: " + what.substr(std::min(what.find("] ") + 2, what.size())));
  }
}

// Adds the numbers of nested lists and finds their shape, which all lists of one depth share.
void flatten(const json& value, size_t depth, std::vector<int64_t>& shape, std::vector<double>& values) {
  constexpr size_t most_axes = 4;
  if (value.is_number() || value.is_null()) {
    if (depth != shape.size()) throw core::UserError("x has lists of different depth");
    values.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
    return;
  }
  if (!value.is_array() || depth == most_axes)
    throw core::UserError("x must be a list of numbers, but holds " + core::quoted(value.dump()));
  if (depth == shape.size()) {
    if (!values.empty()) throw core::UserError("x has lists of different depth");
    shape.push_back(std::ssize(value));
  }
  if (shape[depth] != std::ssize(value)) throw core::UserError("x has lists of different length");
  for (const json& inner : value) flatten(inner, depth + 1, shape, values);
}

io::Array array_of(const json& value) {
  std::vector<int64_t> shape;
  std::vector<double> values;
  flatten(value, 0, shape, values);
  if (values.empty()) throw core::UserError("x holds no numbers");
  return io::Array::from(std::span<const double>(values), std::move(shape));
}

template <class Number>
std::optional<Number> whole_number(const json& object, const char* key, Number least) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  const bool good = found->is_number_unsigned() && found->get<uint64_t>() >= static_cast<uint64_t>(least) &&
                    found->get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<Number>::max());
  if (!good) {
    throw core::UserError("\"" + std::string(key) + "\" is " + core::quoted(found->dump()) +
                          "; write a whole number from " + std::to_string(least) + " on");
  }
  return found->get<Number>();
}

ObservationLine of_object(const json& object) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known_keys.begin(), known_keys.end(), key) == known_keys.end())
      throw core::UserError("the key " + core::quoted(key) + " is unknown" +
                            core::did_you_mean(key, known_keys));
  }
  if (!object.contains("x")) throw core::UserError("has no \"x\", which is the observation");
  ObservationLine line;
  line.x = array_of(object.at("x"));
  line.draws = whole_number<int64_t>(object, "n", 1);
  line.seed = whole_number<uint64_t>(object, "seed", 0);
  line.row = whole_number<int64_t>(object, "row", 0);
  if (const auto id = object.find("id"); id != object.end()) {
    if (!id->is_string() && !id->is_number_integer())
      throw core::UserError("\"id\" is " + core::quoted(id->dump()) + "; write a text or a whole number");
    line.id = id->dump();
  }
  return line;
}

// An observation among those of a file.
const json& x_of_row(const json& object) {
  const ObservationLine line = of_object(object);
  if (line.draws || line.seed || line.row)
    throw core::UserError(
        "holds \"n\", \"seed\" or \"row\": a file is answered with those of the command; leave them out, or "
        "send lines to --watch -");
  return object.at("x");
}

std::vector<std::string> fields_of(const std::string& line) {
  const bool separated = line.find_first_of(",;") != std::string::npos;
  const std::string_view separators = separated ? ",;" : " \t";
  std::vector<std::string> fields;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find_first_of(separators, begin), line.size());
    const auto field = core::trimmed(std::string_view(line).substr(begin, end - begin));
    if (separated || !field.empty()) fields.emplace_back(field);
    begin = end + 1;
  }
  return fields;
}

bool is_json(const std::string& line) {
  const auto text = core::trimmed(line);
  return !text.empty() && (text.front() == '[' || text.front() == '{');
}

template <class Number>
void add_number(std::string& text, Number value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

}  // namespace

std::string id_of(const std::string& line) {
  const json value = json::parse(line, nullptr, false);
  if (!value.is_object()) return "";
  const auto id = value.find("id");
  const bool good = id != value.end() && (id->is_string() || id->is_number_integer());
  return good ? id->dump() : "";
}

ObservationLine parse_observation(const std::string& line) {
  if (is_json(line)) {
    const json value = parsed(line);
    if (value.is_object()) return of_object(value);
    ObservationLine found;
    found.x = array_of(value);
    return found;
  }
  std::vector<double> values;
  for (const std::string& field : fields_of(line)) {
    const auto number =
        field.empty() ? std::optional(std::numeric_limits<double>::quiet_NaN()) : core::parse_number(field);
    if (!number) throw core::UserError(core::quoted(field) + " is not a number");
    values.push_back(*number);
  }
  ObservationLine found;
  found.x = io::Array::from(std::span<const double>(values), {std::ssize(values)});
  return found;
}

io::Array parse_observations(const std::string& text) {
  const json value = parsed(text);
  const bool objects =
      value.is_array() && !value.empty() &&
      std::all_of(value.begin(), value.end(), [](const json& row) { return row.is_object(); });
  if (value.is_object()) return array_of(x_of_row(value));
  if (!objects) return array_of(value);
  json rows = json::array();
  for (const json& row : value) rows.push_back(x_of_row(row));
  return array_of(rows);
}

std::optional<std::vector<std::string>> head_of(const std::string& line) {
  if (is_json(line)) return {};
  auto fields = fields_of(line);
  const auto empty = [](const std::string& field) { return field.empty(); };
  const bool numbers = std::any_of(fields.begin(), fields.end(), [](const std::string& field) {
    return !field.empty() && core::parse_number(field);
  });
  if (numbers || std::all_of(fields.begin(), fields.end(), empty)) return {};
  return fields;
}

std::string draws_text(std::span<const double> values, std::span<const uint8_t> filled, bool wide) {
  const size_t size = filled.empty() ? 0 : values.size() / filled.size();
  std::string text = "[";
  for (size_t i = 0; i < filled.size(); ++i) {
    text += i == 0 ? "[" : ",[";
    for (size_t j = 0; j < size; ++j) {
      if (j > 0) text += ',';
      const double value = values[i * size + j];
      if (!std::isfinite(value)) {
        text += "null";
      } else if (wide) {
        add_number(text, value);
      } else {
        add_number(text, static_cast<float>(value));
      }
    }
    text += ']';
  }
  return text + ']';
}

}  // namespace fluxsbi::experiment
