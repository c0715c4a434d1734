#include "model/spec_checks.hpp"

#include <cmath>
#include <numeric>

#include "core/text.hpp"

namespace fluxsbi::model {

int64_t sum(const std::vector<int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), int64_t{0});
}

int64_t mlp_width(int64_t hidden, double mlp_ratio) {
  return static_cast<int64_t>(static_cast<double>(hidden) * mlp_ratio);
}

void KeyPlaces::remember(const config::Reader& reader, const config::Section& section) {
  section_ = section.name;
  for (const auto& row : section.rows) {
    const std::string path = section_ + "." + row.key;
    if (reader.given(path)) places_[row.key] = reader.place(path).text();
  }
}

std::string KeyPlaces::where(const std::string& key) const {
  const auto place = places_.find(key);
  return (place == places_.end() ? "" : place->second + ": ") + section_ + "." + key;
}

void DataFit::fit(const std::string& key, std::optional<int64_t>& value, int64_t there,
                  const std::string& whose) {
  const std::string found = std::to_string(there);
  if (value && *value != there) {
    problems.push_back(places_.where(key) + " = " + std::to_string(*value) + ", but the data's " + whose +
                       " = " + found + "; write " + key + ": " + found + " or leave it out");
  }
  value = there;
}

void DataFit::equal_channels(const data::DataShape& data, std::string_view model) {
  if (data.x_dim == 0 || data.x_channels == data.theta_channels) return;
  problems.push_back("strategy.model = " + std::string(model) +
                     " takes theta and x as tokens of one kind, but theta has " +
                     std::to_string(data.theta_channels) + " channels a token and x " +
                     std::to_string(data.x_channels) + "; reshape the data, or use flux1");
}

Generation::Generation(const config::Reader& reader,
                       std::initializer_list<std::pair<const char*, bool>> keys) {
  for (const auto& [key, has_value] : keys) {
    const std::string path = std::string("model.") + key;
    if (!because_.empty() || !has_value || !reader.given(path)) continue;
    because_ = key;
    by_recipe_ = reader.place(path).file == recipe_file;
  }
}

std::string Generation::remark(const std::string& model, const std::string& newer,
                               const std::string& older) const {
  if (by_recipe_) return "";
  if (!this->newer()) {
    return model + " of the older generation (no key of the newer one is given): " + older;
  }
  return model + " of the newer generation, because the section holds model." + because_ + ": " + newer;
}

void note_misspelt_dtype(config::Reader& reader) {
  const std::string path = "model.params_dtype";
  if (!reader.given(path)) return;
  reader.warning(path, "is read as param_dtype (GenSBI, whose key that is, ignores this spelling)");
}

void check_mlp_width(config::Reader& reader, int64_t hidden, double mlp_ratio) {
  if (mlp_width(hidden, mlp_ratio) < 1) {
    reader.problem("model.mlp_ratio", "leaves the MLP without a feature");
  }
}

void check_guidance(config::Reader& reader, bool guidance_embed, const std::optional<int64_t>& vec_in_dim) {
  if (vec_in_dim && !guidance_embed) {
    reader.problem("model.vec_in_dim",
                   "= " + std::to_string(*vec_in_dim) +
                       " has no use without guidance; write null, or set guidance_embed: true");
  }
  if (guidance_embed && !vec_in_dim) {
    reader.problem("model.guidance_embed", "needs vec_in_dim, the width of the guidance vector");
  }
}

void check_rope_base(config::Reader& reader, const std::optional<double>& theta) {
  if (!theta || *theta == -1 || (*theta > 0 && std::isfinite(*theta))) return;
  reader.problem("model.theta",
                 "must be above 0, or null, auto or -1 for a value from the number of tokens, found " +
                     core::number_text(*theta));
}

std::string resolve_rope_base(std::optional<double>& theta, bool newer, int64_t tokens,
                              const std::string& names) {
  if (theta && *theta != -1) return "";
  const int64_t factor = theta && !newer ? 4 : 10;
  theta = static_cast<double>(factor * tokens);
  return "RoPE base (model.theta) = " + core::number_text(*theta) + " = " + std::to_string(factor) + " * " +
         names + (factor == 4 ? ", as the older generation's configs mean by -1" : "");
}

}  // namespace fluxsbi::model
