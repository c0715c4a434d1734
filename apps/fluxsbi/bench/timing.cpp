#include "bench/timing.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr int warm_up_calls = 3;
constexpr int least_rounds = 5;

double time_of(const Variant& variant, int64_t calls) {
  const double begin = core::steady_seconds();
  for (int64_t i = 0; i < calls; ++i) variant.run();
  variant.wait();
  return core::steady_seconds() - begin;
}

}  // namespace

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

std::vector<Rate> measure(const std::vector<Variant>& variants, double seconds) {
  // Slices of a twentieth of a second or one call: short beside the changes of a busy machine.
  constexpr double slice = 0.05;
  std::vector<int64_t> calls;
  for (const Variant& variant : variants) {
    time_of(variant, warm_up_calls);
    const double one = time_of(variant, warm_up_calls) / warm_up_calls;
    calls.push_back(std::max<int64_t>(1, std::llround(slice / one)));
  }
  std::vector<std::vector<double>> rates(variants.size()), ratios(variants.size());
  const double end = core::steady_seconds() + seconds;
  for (int round = 0; round < least_rounds || core::steady_seconds() < end; ++round) {
    if (const int signal = core::stop_requested())
      throw core::Interrupted(signal, std::string("bench was stopped by ") + core::signal_name(signal));
    for (size_t i = 0; i < variants.size(); ++i) {
      rates[i].push_back(static_cast<double>(calls[i]) / time_of(variants[i], calls[i]));
      ratios[i].push_back(rates[i].back() / rates[0].back());
    }
  }
  std::vector<Rate> result;
  for (size_t i = 0; i < variants.size(); ++i) {
    const auto [low, high] = std::minmax_element(rates[i].begin(), rates[i].end());
    result.push_back({median(rates[i]), *low, *high, median(ratios[i])});
  }
  return result;
}

}  // namespace fluxsbi::app::bench
