#include "data/tasks/slcp_distractors.hpp"

#include <array>
#include <cmath>

#include "data/tasks/distractors.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t signals = 8, all_values = signals + distractor_count;

// sbibm's (sbibm/README.md)
constexpr std::array<uint8_t, all_values> order{
    87, 47, 39, 9,  25, 21, 26, 94, 41, 30, 34, 44, 12, 27, 89, 20, 6,  13, 51, 40, 54, 5,  0,  2,  75,
    43, 14, 97, 29, 72, 79, 99, 98, 1,  38, 65, 83, 52, 74, 63, 19, 70, 4,  36, 96, 81, 35, 49, 31, 76,
    84, 28, 11, 66, 37, 85, 56, 60, 48, 10, 22, 82, 24, 8,  42, 32, 73, 3,  59, 95, 90, 50, 18, 68, 45,
    67, 92, 91, 17, 93, 33, 78, 88, 62, 46, 64, 57, 86, 55, 77, 7,  80, 69, 23, 58, 71, 15, 61, 53, 16};

}  // namespace

void SlcpDistractors::add_noise(std::span<const double> location_scale, std::span<const double> noise,
                                std::span<double> x) {
  std::array<double, all_values> y;
  Slcp::add_noise(location_scale, noise, y);
  draw_distractors(static_cast<size_t>(noise[signals]), noise[signals + 1], noise.subspan(signals + 2),
                   std::span(y).subspan(signals));
  for (size_t i = 0; i < all_values; ++i) x[i] = y[order[i]];
}

std::vector<double> SlcpDistractors::signal(std::span<const double> x) {
  std::vector<double> y(signals);
  for (size_t i = 0; i < all_values; ++i) {
    if (order[i] < signals) y[order[i]] = x[i];
  }
  return y;
}

void SlcpDistractors::simulate(std::span<const double> theta, core::Philox& random,
                               std::span<double> x) const {
  std::array<double, all_values + 2> noise;
  for (double& n : noise) n = random.normal();
  noise[signals] = static_cast<double>(random.below(distractor_components));
  noise[signals + 1] = -2 * std::log(random.uniform_open());  // chi-squared with 2 degrees of freedom
  add_noise(Slcp::location_scale(theta), noise, x);
}

double SlcpDistractors::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  return slcp_.log_likelihood(theta, signal(x));
}

std::vector<std::string> SlcpDistractors::edges(size_t tokens) const {
  const auto parameters = static_cast<size_t>(theta_dim());
  // The tokens by groups, all of one depend on each other: draws of slcp, then the distractors
  const auto group = [](size_t i) { return order[i] < signals ? order[i] / 2 : signals; };
  std::vector<std::string> rows(tokens, std::string(tokens, '1'));
  for (size_t i = 0; i < all_values; ++i) {
    for (size_t j = 0; j < all_values; ++j) {
      if (group(i) != group(j)) rows[parameters + i][parameters + j] = '0';
    }
    for (size_t j = 0; j < parameters && group(i) == signals; ++j) {
      rows[parameters + i][j] = rows[j][parameters + i] = '0';
    }
  }
  return rows;
}

}  // namespace fluxsbi::data
