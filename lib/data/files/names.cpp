#include "data/files/names.hpp"

#include <algorithm>
#include <set>

#include "core/error.hpp"

namespace fluxsbi::data {

std::vector<std::string> default_names(const std::string& stem, int64_t count) {
  std::vector<std::string> names;
  names.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) names.push_back(stem + "_" + std::to_string(i));
  return names;
}

std::vector<std::string> resolve_names(const std::vector<std::string>& given, const std::string& stem,
                                       int64_t count) {
  if (given.empty()) return default_names(stem, count);
  if (std::ssize(given) != count) {
    throw core::UserError("data.names." + stem + " has " + std::to_string(given.size()) + " names, " + stem +
                          " has " + std::to_string(count) + " entries a row; name each of them, or none" +
                          (stem == "theta" ? " (prior.parameters names theta, too)" : ""));
  }
  std::set<std::string> seen;
  for (const auto& name : given) {
    if (!seen.insert(name).second) {
      throw core::UserError("data.names." + stem + " names '" + name + "' twice; names must differ");
    }
  }
  return given;
}

void require_no_shared_name(const std::vector<std::string>& theta_names,
                            const std::vector<std::string>& x_names) {
  const std::set<std::string> of_theta(theta_names.begin(), theta_names.end());
  for (const auto& name : x_names) {
    if (of_theta.count(name) == 0) continue;
    throw core::UserError("data.names: '" + name +
                          "' is a name of theta and of x; rename one of them, because columns are found by "
                          "their names");
  }
}

std::vector<std::string> feature_names(std::span<const std::string> tokens, int64_t channels) {
  std::vector<std::string> names;
  for (const auto& token : tokens) {
    for (int64_t c = 0; c < channels; ++c) {
      names.push_back(channels == 1 ? token : token + "[" + std::to_string(c) + "]");
    }
  }
  return names;
}

bool names_hold(std::span<const std::string> names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace fluxsbi::data
