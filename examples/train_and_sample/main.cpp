// train_and_sample SIMULATIONS RUN [SECTION.KEY=VALUE ...]: trains on an .npz file with theta and x, then
// prints mean and standard deviation of theta's posterior for the first of the simulations.
#include <cmath>
#include <iostream>
#include <stdexcept>
#include <vector>

#include <fluxsbi/fluxsbi.hpp>

int main(int argc, char** argv) try {
  if (argc < 3) throw std::runtime_error("usage: train_and_sample SIMULATIONS RUN [SECTION.KEY=VALUE ...]");
  const fluxsbi::Simulations simulations = fluxsbi::load_simulations(argv[1]);
  fluxsbi::TrainingSettings settings;
  settings.set.assign(argv + 3, argv + argc);
  fluxsbi::train_posterior(simulations, argv[2], settings);

  const fluxsbi::Posterior posterior(argv[2]);
  const std::vector<double> x(simulations.x.begin(), simulations.x.begin() + posterior.x_size());
  constexpr int64_t draws = 1000;
  const std::vector<double> samples = posterior.sample(x, draws);  // [1, draws, theta_size]
  for (int64_t i = 0; i < posterior.theta_size(); ++i) {
    double sum = 0, squares = 0;
    for (int64_t draw = 0; draw < draws; ++draw) {
      const double value = samples[draw * posterior.theta_size() + i];
      sum += value;
      squares += value * value;
    }
    const double mean = sum / draws;
    std::cout << "theta " << i << ": " << mean << " +- " << std::sqrt(squares / draws - mean * mean) << "\n";
  }
} catch (const std::exception& problem) {
  std::cerr << "error: " << problem.what() << "\n";
  return 1;
}
