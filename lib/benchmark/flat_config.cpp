#include "benchmark/flat_config.hpp"

namespace fluxsbi::benchmark {

namespace {

void flatten(const config::Value& value, const std::string& path, FlatConfig& flat) {
  if (value.kind == config::Value::Kind::scalar) flat[path] = value.scalar;
  if (value.kind == config::Value::Kind::null && !path.empty()) flat[path] = "null";
  for (size_t i = 0; i < value.list.size(); ++i)
    flatten(value.list[i], path + "[" + std::to_string(i) + "]", flat);
  for (const auto& [key, inner] : value.map) flatten(inner, path.empty() ? key : path + "." + key, flat);
}

std::string value_at(const FlatConfig& flat, const std::string& key) {
  const auto found = flat.find(key);
  return found == flat.end() ? "not given" : found->second;
}

}  // namespace

FlatConfig flat_config(const config::Value& document) {
  FlatConfig flat;
  flatten(document, "", flat);
  return flat;
}

std::string first_difference(const FlatConfig& there, const FlatConfig& here) {
  for (const FlatConfig* side : {&there, &here}) {
    for (const auto& [key, value] : *side) {
      const std::string a = value_at(there, key), b = value_at(here, key);
      if (a != b) return key + " is " + a + " there and " + b + " here";
    }
  }
  return "";
}

}  // namespace fluxsbi::benchmark
