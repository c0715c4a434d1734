#include "data/simulate/noise_check.hpp"

#include <algorithm>
#include <cmath>

#include "core/log.hpp"
#include "core/philox.hpp"

namespace fluxsbi::data {

namespace {

constexpr double most_seconds = 60;  // of one run: the check must not cost what the simulations do
constexpr int64_t most_rows_tried = 8;
constexpr uint64_t first_seed = uint64_t{1} << 40,
                   second_seed = uint64_t{7} << 50;  // of which the program sees 31 bits

// Last digits may differ where threads add up in another order.
bool same_noise(const std::vector<double>& a, const std::vector<double>& b) {
  constexpr double tolerance = 1e-5;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double v, double w) {
    const bool both_absent = std::isnan(v) && std::isnan(w);  // beyond the end of a shorter row
    return both_absent || std::abs(v - w) <= tolerance * std::max(std::abs(v), std::abs(w));
  });
}

bool same_number(double v, double w) {
  return v == w || (std::isnan(v) && std::isnan(w));
}

bool equal(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_number);
}

bool rows_differ(const std::vector<double>& x, int64_t rows) {
  const auto width = std::ssize(x) / rows;
  return rows > 1 && !std::equal(x.begin(), x.begin() + width, x.begin() + width, same_number);
}

}  // namespace

std::string noise_problem(CommandSimulator& simulator, int64_t batch,
                          const std::function<std::vector<double>(int64_t row)>& theta_of) {
  const int64_t rows = std::min<int64_t>(batch, 2);
  const auto run = [&](const std::vector<double>& theta, uint64_t seed) {
    return simulator.probe(theta, rows, seed, most_seconds);
  };
  for (int64_t row = 0; row < most_rows_tried; ++row) {
    const std::vector<double> theta = theta_of(row);
    const auto first = run(theta, first_seed);
    if (first.stopped) return {};
    if (first.timed_out) {
      core::log::info("whether seeds give different noise was not checked: a run takes more than a minute");
      return {};
    }
    if (first.x.empty()) continue;
    const auto second = run(theta, second_seed);
    if (second.x.empty()) continue;
    const bool repeats = equal(first.x, second.x);
    if (repeats && rows_differ(first.x, rows)) {
      return "the simulator's noise does not depend on FLUXSBI_SEED: two runs on the same theta under "
             "different seeds gave the same x, so the noise of every batch repeats; seed its random numbers "
             "with the environment variable FLUXSBI_SEED (docs/simulators.md)";
    }
    if (repeats) {
      return "the simulator gave the same x for the same theta under different values of FLUXSBI_SEED: it "
             "draws no random numbers, or seeds them with something else; seed them with FLUXSBI_SEED "
             "(docs/simulators.md), or set simulator.deterministic: true if x is meant to be a function of "
             "theta alone";
    }
    const auto again = run(theta, first_seed);
    if (!again.x.empty() && !same_noise(first.x, again.x)) {
      return "the simulator gave another x for the same theta under the same FLUXSBI_SEED: its simulations "
             "cannot be repeated; seed its random numbers with FLUXSBI_SEED alone (docs/simulators.md)";
    }
    return {};
  }
  return {};
}

}  // namespace fluxsbi::data
