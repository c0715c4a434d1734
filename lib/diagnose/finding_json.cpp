#include "diagnose/finding_json.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::diagnose {

namespace {

// Keys in the order of their writing.
using Json = nlohmann::ordered_json;

template <class Value>
using NameOf = std::pair<Value, std::string_view>;

constexpr std::array<NameOf<Verdict>, 4> verdict_names{{{Verdict::pass, "pass"},
                                                        {Verdict::fail, "fail"},
                                                        {Verdict::not_enough, "not_enough"},
                                                        {Verdict::measured, "measured"}}};
constexpr std::array<NameOf<Graph::Kind>, 3> kind_names{
    {{Graph::Kind::lines, "lines"}, {Graph::Kind::histogram, "histogram"}, {Graph::Kind::points, "points"}}};

template <class Value, size_t count>
std::string name_in(const std::array<NameOf<Value>, count>& names, Value value) {
  for (const auto& [known, name] : names)
    if (known == value) return std::string(name);
  throw std::logic_error("a value of a finding has no name");
}

Json number_json(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

Json numbers_json(std::span<const double> values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(number_json(value));
  return list;
}

Json graph_json(const Graph& graph) {
  Json curves = Json::array();
  for (const Graph::Curve& curve : graph.curves)
    curves.push_back({{"label", curve.label}, {"y", numbers_json(curve.y)}});
  Json json = {{"kind", name_in(kind_names, graph.kind)},
               {"title", graph.title},
               {"x_label", graph.x_label},
               {"y_label", graph.y_label},
               {"x", numbers_json(graph.x)},
               {"curves", std::move(curves)}};
  if (!graph.low.empty()) json["low"] = numbers_json(graph.low);
  if (!graph.high.empty()) json["high"] = numbers_json(graph.high);
  if (graph.expected) json["expected"] = number_json(*graph.expected);
  if (graph.diagonal) json["diagonal"] = true;
  return json;
}

Json finding_json(const Finding& finding) {
  Json json = {{"test", finding.test},
               {"variable", finding.variable},
               {"statistic", finding.statistic},
               {"value", number_json(finding.value)}};
  if (!finding.given.empty()) json["given"] = finding.given;
  if (!std::isnan(finding.low)) json["low"] = number_json(finding.low);
  if (!std::isnan(finding.high)) json["high"] = number_json(finding.high);
  if (finding.standard_error) json["standard_error"] = number_json(*finding.standard_error);
  if (finding.p_value) json["p_value"] = number_json(*finding.p_value);
  json["verdict"] = name_in(verdict_names, finding.verdict);
  json["meaning"] = finding.meaning;
  json["next"] = finding.next;
  if (!finding.meaning_of_pass.empty()) json["meaning_of_pass"] = finding.meaning_of_pass;
  json["graphs"] = Json::array();
  for (const Graph& graph : finding.graphs) json["graphs"].push_back(graph_json(graph));
  return json;
}

// The members of one object, with the file and the place in it for messages.
class Members {
 public:
  Members(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
    if (!json_.is_object()) fail("is not an object");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw core::UserError(place_ + " " + what +
                          "; the file was not written by fluxsbi diagnose or is damaged: make it anew");
  }

  void read(const char* key, std::string& value) const {
    if (const Json* found = find(key)) {
      if (!found->is_string()) fail_at(key, "is not a text");
      value = found->get<std::string>();
    }
  }
  void read(const char* key, double& value) const {
    if (const Json* found = find(key)) value = number(key, *found);
  }
  void read(const char* key, std::optional<double>& value) const {
    if (const Json* found = find(key)) value = number(key, *found);
  }
  void read(const char* key, bool& value) const {
    if (const Json* found = find(key)) {
      if (!found->is_boolean()) fail_at(key, "is neither true nor false");
      value = found->get<bool>();
    }
  }
  void read(const char* key, std::vector<double>& values) const {
    for (const Json& entry : list(key)) values.push_back(number(key, entry));
  }
  template <class Value, size_t count>
  void read(const char* key, Value& value, const std::array<NameOf<Value>, count>& names) const {
    std::string word;
    read(key, word);
    for (const auto& [known, name] : names) {
      if (name != word) continue;
      value = known;
      return;
    }
    fail_at(key, "is " + core::quoted(word) + ", which is none that this version knows");
  }
  /// The entries of a list with their places; nothing where the key is missing.
  template <class Read>
  void each(const char* key, Read read_entry) const {
    int64_t index = 0;
    for (const Json& entry : list(key))
      read_entry(Members(entry, place_ + ", " + key + " " + std::to_string(index++)));
  }

 private:
  [[noreturn]] void fail_at(const char* key, const std::string& what) const {
    fail("holds a key " + core::quoted(key) + " that " + what);
  }
  const Json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() ? nullptr : &*found;
  }
  const Json& list(const char* key) const {
    static const Json nothing = Json::array();
    const Json* found = find(key);
    if (found != nullptr && !found->is_array()) fail_at(key, "is not a list");
    return found == nullptr ? nothing : *found;
  }
  double number(const char* key, const Json& json) const {
    if (json.is_number()) return json.get<double>();
    if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (json == "inf") return std::numeric_limits<double>::infinity();
    if (json == "-inf") return -std::numeric_limits<double>::infinity();
    fail_at(key, "holds something other than numbers");
  }

  const Json& json_;
  std::string place_;
};

Graph graph_of(const Members& members) {
  Graph graph;
  members.read("kind", graph.kind, kind_names);
  members.read("title", graph.title);
  members.read("x_label", graph.x_label);
  members.read("y_label", graph.y_label);
  members.read("x", graph.x);
  members.read("low", graph.low);
  members.read("high", graph.high);
  members.read("expected", graph.expected);
  members.read("diagonal", graph.diagonal);
  const size_t values = graph.x.size() - (graph.kind == Graph::Kind::histogram && !graph.x.empty() ? 1 : 0);
  members.each("curves", [&](const Members& entry) {
    Graph::Curve curve;
    entry.read("label", curve.label);
    entry.read("y", curve.y);
    if (curve.y.size() != values)
      entry.fail("has " + std::to_string(curve.y.size()) + " values, its graph needs " +
                 std::to_string(values));
    graph.curves.push_back(std::move(curve));
  });
  for (const auto* band : {&graph.low, &graph.high})
    if (!band->empty() && band->size() != values)
      members.fail("has a band of " + std::to_string(band->size()) + " values, not of " +
                   std::to_string(values));
  return graph;
}

Finding finding_of(const Members& members) {
  Finding finding;
  members.read("test", finding.test);
  members.read("variable", finding.variable);
  members.read("given", finding.given);
  members.read("statistic", finding.statistic);
  members.read("value", finding.value);
  members.read("low", finding.low);
  members.read("high", finding.high);
  members.read("standard_error", finding.standard_error);
  members.read("p_value", finding.p_value);
  members.read("verdict", finding.verdict, verdict_names);
  members.read("meaning", finding.meaning);
  members.read("next", finding.next);
  members.read("meaning_of_pass", finding.meaning_of_pass);
  members.each("graphs", [&](const Members& entry) { finding.graphs.push_back(graph_of(entry)); });
  return finding;
}

}  // namespace

std::string to_json(std::span<const Finding> findings) {
  Json json = Json::array();
  for (const Finding& finding : findings) json.push_back(finding_json(finding));
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<Finding> findings_from_json(std::string_view text, const std::string& path) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array())
    throw core::UserError(path +
                          ": is not a JSON array of findings; give a file that fluxsbi diagnose wrote");
  std::vector<Finding> findings;
  for (size_t i = 0; i < json.size(); ++i)
    findings.push_back(finding_of(Members(json[i], path + ": finding " + std::to_string(i))));
  return findings;
}

}  // namespace fluxsbi::diagnose
