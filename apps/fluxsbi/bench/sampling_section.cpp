#include <algorithm>
#include <cmath>

#include "bench/sections.hpp"
#include "bench/timing.hpp"
#include "bench/workload.hpp"
#include "core/system.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr int64_t evaluations = 50;
constexpr int64_t fewest_draws = 256, most_draws = 10000;  // of the one observation
constexpr int64_t draws_of_many = 1000;

}  // namespace

Section sampling(const Settings& settings) {
  sample::Posterior posterior = posterior_of(settings.workload, "flow", settings.device);
  auto options = posterior.sampling();
  options.solver = "euler";
  options.steps = evaluations;
  const int64_t chunk = posterior.chunk_size(options);
  const auto seconds_for = [&](int64_t rows, int64_t draws) {
    const std::vector<double> x(static_cast<size_t>(rows * settings.workload.tokens), 0.5);
    const double begin = core::steady_seconds();
    posterior.sample(x, rows, draws, 0, 0, options);
    return core::steady_seconds() - begin;
  };
  // As many draws as fit the time that is given, of one observation and of many.
  const double for_few = std::max(seconds_for(1, fewest_draws), 1e-6);
  const auto draws =
      static_cast<int64_t>(std::clamp(static_cast<double>(fewest_draws) * settings.seconds / 2 / for_few,
                                      static_cast<double>(fewest_draws), static_cast<double>(most_draws)));
  const int64_t rows = std::max<int64_t>(2, draws / draws_of_many);
  std::vector<double> one, many, ratio;
  const auto resident = static_cast<double>(core::resident_memory());
  double most = resident;
  for (int round = 0; round < 3; ++round) {
    one.push_back(static_cast<double>(draws) / seconds_for(1, draws));
    many.push_back(static_cast<double>(draws / rows * rows) / seconds_for(rows, draws / rows));
    ratio.push_back(many.back() / one.back());
    most = std::max(most, static_cast<double>(core::resident_memory()));
  }
  const std::string size =
      std::to_string(rows) + " observations x " + std::to_string(draws / rows) + " draws";
  return {"sampling, " + std::to_string(evaluations) + " network evaluations",
          {{"one observation", median(one), "samples/s", std::to_string(draws) + " draws"},
           {"many observations", median(many), "samples/s", size},
           {"many / one", median(ratio), "times", "median of rounds"},
           {"memory while sampling", most / 1e6, "MB", "resident, chunks of " + std::to_string(chunk)}}};
}

}  // namespace fluxsbi::app::bench
