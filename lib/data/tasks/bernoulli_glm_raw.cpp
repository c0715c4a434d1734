#include "data/tasks/bernoulli_glm_raw.hpp"

#include <array>

namespace fluxsbi::data {

void BernoulliGlmRaw::simulate(std::span<const double> theta, core::Philox& random,
                               std::span<double> x) const {
  std::array<double, bins> p, u;
  probabilities(theta, p);
  for (double& value : u) value = random.uniform();
  spikes(p, u, x);
}

double BernoulliGlmRaw::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  std::array<double, 10> sums;
  summarise(x, sums);
  return BernoulliGlm::log_likelihood(theta, sums);
}

std::vector<std::string> BernoulliGlmRaw::edges(size_t tokens) const {
  const auto parameters = static_cast<size_t>(theta_dim());
  std::vector<std::string> rows(tokens, std::string(tokens, '0'));
  for (size_t i = 0; i < tokens; ++i) rows[i][i] = '1';
  for (size_t i = 0; i < parameters; ++i) {
    for (size_t j = 0; j < parameters; ++j) rows[i][j] = '1';  // the later bins depend on all of them
    for (size_t t = 0; t < bins; ++t) {
      if (design(t, i) != 0) rows[i][parameters + t] = rows[parameters + t][i] = '1';
    }
  }
  return rows;
}

}  // namespace fluxsbi::data
