// Samples a second of each method with each of its solvers.
#include <algorithm>

#include "bench/sections.hpp"
#include "core/system.hpp"
#include "method/method.hpp"
#include "sample/posterior.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr int64_t fewest_solver_draws = 16, most_solver_draws = 4096;

// Draws for one observation, nothing redrawn: the network is not trained.
Figure figure_of(sample::Posterior& posterior, const std::string& solver, const Settings& settings) {
  sample::SamplingOptions options = posterior.sampling();
  options.solver = solver;
  options.reject = false;
  options.max_tries = 0;
  const std::vector<double> x(static_cast<size_t>(settings.workload.tokens), 0.5);
  int64_t evaluations = 0;
  const auto seconds_for = [&](int64_t draws) {
    const double begin = core::steady_seconds();
    evaluations = posterior.sample(x, 1, draws, 0, 0, options).evaluations;
    return std::max(core::steady_seconds() - begin, 1e-9);
  };
  double seconds = seconds_for(fewest_solver_draws);
  int64_t draws = fewest_solver_draws;
  if (seconds < settings.seconds) {  // else a slow solver was measured already
    draws = std::min(static_cast<int64_t>(static_cast<double>(draws) * settings.seconds / seconds),
                     most_solver_draws);
    seconds = seconds_for(draws);
  }
  const double rate = static_cast<double>(draws) / seconds;
  return {solver, rate, "samples/s", std::to_string(evaluations) + " evaluations"};
}

}  // namespace

std::vector<Section> solvers(const Settings& settings) {
  std::vector<Section> sections;
  for (const method::MethodRow& method : method::methods()) {
    const std::string name(method.name);
    sample::Posterior posterior = posterior_of(settings.workload, name, settings.device);
    Section section{name + ", solvers with their default steps", {}};
    section.figures.push_back(figure_of(posterior, "auto", settings));
    const auto path = posterior.method().path();
    for (const sample::SolverRow& row : sample::solvers()) {
      if (sample::solver_problem(row, *path, name).empty()) {
        section.figures.push_back(figure_of(posterior, std::string(row.name), settings));
      }
    }
    sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace fluxsbi::app::bench
