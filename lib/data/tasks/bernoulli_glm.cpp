#include "data/tasks/bernoulli_glm.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/prior/precision_prior.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t lags = 9, glm_dim = 1 + lags;

// sbibm's (sbibm/README.md), in float32 as there: 100 standard normal numbers
constexpr std::array<float, BernoulliGlm::bins> stimulus{
    0.496714145F,   -0.138264298F, 0.647688568F,   1.5230298F,    -0.234153375F, -0.234136954F,
    1.57921278F,    0.767434716F,  -0.469474375F,  0.542560041F,  -0.463417679F, -0.465729743F,
    0.241962269F,   -1.91328025F,  -1.72491789F,   -0.562287509F, -1.01283109F,  0.31424734F,
    -0.908024073F,  -1.41230369F,  1.46564877F,    -0.2257763F,   0.0675282031F, -1.42474818F,
    -0.544382751F,  0.11092259F,   -1.15099359F,   0.37569803F,   -0.600638688F, -0.291693747F,
    -0.601706624F,  1.85227823F,   -0.013497225F,  -1.05771089F,  0.822544932F,  -1.22084367F,
    0.208863601F,   -1.95967007F,  -1.32818604F,   0.196861237F,  0.738466561F,  0.171368286F,
    -0.115648285F,  -0.301103681F, -1.47852194F,   -0.719844222F, -0.460638762F, 1.05712223F,
    0.343618304F,   -1.76304018F,  0.324083984F,   -0.385082275F, -0.676922023F, 0.611676276F,
    1.03099954F,    0.931280136F,  -0.839217544F,  -0.309212387F, 0.331263423F,  0.975545108F,
    -0.479174227F,  -0.185658976F, -1.10633492F,   -1.19620657F,  0.812525809F,  1.35624003F,
    -0.0720101222F, 1.00353289F,   0.361636013F,   -0.645119727F, 0.361395597F,  1.53803658F,
    -0.0358260386F, 1.56464362F,   -2.61974502F,   0.821902514F,  0.0870470703F, -0.299007356F,
    0.0917607769F,  -1.98756886F,  -0.21967189F,   0.357112557F,  1.47789407F,   -0.518270195F,
    -0.808493614F,  -0.501757026F, 0.915402114F,   0.328751117F,  -0.529760182F, 0.513267457F,
    0.0970775485F,  0.968644977F,  -0.70205307F,   -0.32766214F,  -0.392108142F, -1.46351492F,
    0.296120286F,   0.261055261F,  0.00511345686F, -0.234587133F};

/// B [dim * dim], as the header states it.
std::vector<double> prior_precision() {
  std::array<std::array<double, lags>, lags> f{};
  for (size_t i = 0; i < lags; ++i) {  // D D has 1, -2, 1 from the diagonal down
    f[i][i] = 1 + std::sqrt(static_cast<double>(i) / lags);
    if (i >= 1) f[i][i - 1] = -2;
    if (i >= 2) f[i][i - 2] = 1;
  }
  std::vector<double> precision(glm_dim * glm_dim);
  precision[0] = 0.5;
  for (size_t i = 0; i < lags; ++i) {
    for (size_t j = 0; j < lags; ++j) {
      for (size_t k = 0; k < lags; ++k) precision[(1 + i) * glm_dim + 1 + j] += f[k][i] * f[k][j];
    }
  }
  return precision;
}

}  // namespace

BernoulliGlm::BernoulliGlm() : prior_(make_precision_prior(prior_precision(), glm_dim)) {}

double BernoulliGlm::design(size_t t, size_t column) {
  if (column == 0) return 1;
  const size_t lag = column - 1;
  return t >= lag ? stimulus[t - lag] : 0;
}

void BernoulliGlm::probabilities(std::span<const double> theta, std::span<double> p) {
  for (size_t t = 0; t < bins; ++t) {
    double psi = 0;
    for (size_t i = 0; i < glm_dim; ++i) psi += design(t, i) * theta[i];
    p[t] = 1 / (1 + std::exp(-psi));
  }
}

double BernoulliGlm::log_normaliser(std::span<const double> theta) {
  double sum = 0;
  for (size_t t = 0; t < bins; ++t) {
    double psi = 0;
    for (size_t i = 0; i < glm_dim; ++i) psi += design(t, i) * theta[i];
    sum += std::max(psi, 0.0) + std::log1p(std::exp(-std::abs(psi)));  // does not overflow
  }
  return sum;
}

void BernoulliGlm::spikes(std::span<const double> p, std::span<const double> u, std::span<double> y) {
  for (size_t t = 0; t < bins; ++t) y[t] = u[t] < p[t] ? 1 : 0;
}

void BernoulliGlm::summarise(std::span<const double> y, std::span<double> x) {
  for (size_t i = 0; i < glm_dim; ++i) {
    x[i] = 0;
    for (size_t t = 0; t < bins; ++t) x[i] += design(t, i) * y[t];
  }
}

void BernoulliGlm::add_noise(std::span<const double> p, std::span<const double> u, std::span<double> x) {
  std::array<double, bins> y;
  spikes(p, u, y);
  summarise(y, x);
}

void BernoulliGlm::simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const {
  std::array<double, bins> p, u;
  probabilities(theta, p);
  for (double& value : u) value = random.uniform();
  add_noise(p, u, x);
}

double BernoulliGlm::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  double sum = -log_normaliser(theta);
  for (size_t i = 0; i < glm_dim; ++i) sum += x[i] * theta[i];
  return sum;
}

}  // namespace fluxsbi::data
