#include "method/jumps.hpp"

#include <cmath>

#include <ATen/ops/scalar_tensor.h>

namespace fluxsbi::method {

Jump jump_between(const Path& path, double from, double to) {
  const auto level = [&](double t) {
    const Level at = path.level(at::scalar_tensor(t, at::kDouble));
    return std::pair(at.signal.item<double>(), at.noise.item<double>());
  };
  const auto [signal, noise] = level(from);
  const auto [next_signal, next_noise] = level(to);
  const double state = next_noise / noise;
  return {state, next_signal - signal * state};
}

double part_done(double done, int64_t steps, double spacing) {
  const auto all = static_cast<double>(steps);
  return 1 - std::pow((all - done) / all, spacing);
}

std::vector<double> jump_times(const Path& path, int64_t steps, double spacing) {
  std::vector<double> times;
  for (int64_t i = 0; i <= steps; ++i)
    times.push_back(path.time(part_done(static_cast<double>(i), steps, spacing)));
  return times;
}

std::vector<Jump> jumps_along(const Path& path, int64_t steps, double spacing) {
  const std::vector<double> times = jump_times(path, steps, spacing);
  std::vector<Jump> jumps;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const bool to_data = i + 2 == times.size() && path.data() != path.end();
    jumps.push_back(to_data ? Jump{} : jump_between(path, times[i], times[i + 1]));
  }
  return jumps;
}

}  // namespace fluxsbi::method
