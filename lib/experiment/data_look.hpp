// The look at data before a training, and `check`, which does nothing else.
#pragma once

#include <string>

#include "config/value.hpp"
#include "data/look/look.hpp"
#include "experiment/execution.hpp"

namespace fluxsbi::experiment {

/// Logs a summary and the warnings and errors of a look; notes are left to `check` and data.json.
void log_look(const data::Look& look);

struct CheckOutcome {
  std::string source;  ///< "sims.npz" or "task two_moons, 100000 simulations"
  data::Look look;
};

/// Looks at the data of a configuration as `train` does, and at what a step costs. What training would refuse
/// about the data is a finding of severity error. Throws core::UserErrors for what is wrong with the config,
/// UserError for data that cannot be opened.
CheckOutcome check_data(const config::Value& document, const Execution& execution);

}  // namespace fluxsbi::experiment
