#include "experiment/simulation.hpp"

#include "core/error.hpp"
#include "experiment/experiment.hpp"

namespace fluxsbi::experiment {

void take_simulator(const std::string& config, data::SimulateRequest& request) {
  const Experiment experiment = read_experiment(config::load_yaml(config));
  request.simulator = experiment.simulator;
  request.prior = experiment.prior;
  request.theta_names = experiment.data.theta_names;
  request.x_names = experiment.data.x_names;
  if (experiment.simulator.command) return;
  if (!experiment.data.task) {
    throw core::UserError(config + ": simulator.command is missing; it names the program that simulates");
  }
  request.task = *experiment.data.task;
}

}  // namespace fluxsbi::experiment
