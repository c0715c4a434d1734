// Rows that are simulated while the model trains.
#pragma once

#include <memory>
#include <string>

#include "data/regression.hpp"
#include "data/simulate/simulation_stream.hpp"
#include "data/standardise.hpp"
#include "train/data_rows.hpp"
#include "train/rows.hpp"

namespace fluxsbi::train {

/// What is trained on: the stream's rows from `first_row` on.
struct OnlineSource {
  std::shared_ptr<data::SimulationStream> stream;
  int64_t first_row = 0;
  int64_t reuse = 1;  ///< how often each row is trained on
  data::Standardiser theta, x;
  data::Regression regression = {};  ///< of theta on x; empty: none
};

/// Step k of S rows trains on the next S rows, so that none is seen twice. With `reuse` above 1 it keeps the
/// rows of up to 100 steps, in a new order keyed by (seed, pass) each of `reuse` times, and then replaces
/// them by the next ones. What a step sees follows from seed and step alone. A line of the log says so once
/// if training waits for the simulator for more than a fifth of its time. size() counts no end of rows;
/// slice() disturbs a feed's reading ahead.
std::shared_ptr<Rows> online_rows(OnlineSource source, RowLayout layout);

/// Advice to a training that has waited `waited` of `seconds` for simulations; empty up to a fifth of the
/// time.
std::string waiting_advice(double waited, double seconds, int workers, int64_t reuse);

}  // namespace fluxsbi::train
