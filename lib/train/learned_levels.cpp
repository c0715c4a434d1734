#include "train/learned_levels.hpp"

#include <cmath>

#include "core/text.hpp"

namespace fluxsbi::train {

namespace {

constexpr const char* state_name = "level_g";
constexpr double newest = 0.3;

}  // namespace

void LearnedLevels::observe(std::span<const double> g, int64_t step) {
  if (step < first_step) return;
  if (g_.empty()) g_.assign(g.begin(), g.end());
  for (size_t bin = 0; bin < g_.size(); ++bin) g_[bin] += newest * (g[bin] - g_[bin]);
  decide();
}

void LearnedLevels::decide() {
  table_.set(method::level_masses(g_, range_));
}

std::string LearnedLevels::text() const {
  const auto noise = [&](double part) { return core::brief_text(std::exp(table_.quantile(part))); };
  return "noise levels of training in the end: median " + noise(0.5) +
         " standard deviations of the data, the middle 90 % " + noise(0.05) + " to " + noise(0.95);
}

void LearnedLevels::save(checkpoint::TrainingState& state) const {
  if (!g_.empty())
    state.arrays.emplace(state_name, io::Array::from(std::span<const double>(g_), {std::ssize(g_)}));
}

void LearnedLevels::restore(const checkpoint::TrainingState& state) {
  const auto found = state.arrays.find(state_name);
  if (found == state.arrays.end()) return;
  g_ = found->second.to_double();
  decide();
}

}  // namespace fluxsbi::train
