#include "train/plateau.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/Functions.h>

#include "engine/weights.hpp"

namespace fluxsbi::train {

void Plateau::observe(const at::Tensor& rows) {
  if (!rows_.defined()) {
    rows_ = rows.clone();
    return;
  }
  const at::Tensor gain = (rows_ - rows).to(at::kDouble);
  const auto count = static_cast<double>(gain.numel());
  const double error = count > 1 ? gain.std().item<double>() / std::sqrt(count) : 0;
  const double mean = gain.mean().item<double>();
  if (mean > error) {
    rows_.copy_(rows);
    stalled_ = risen_ = 0;
    return;
  }
  ++stalled_;
  const double least = std::max(clear_errors * error, clear_share * std::abs(rows_.mean().item<double>()));
  if (-mean > least) ++risen_;
}

void Plateau::save(checkpoint::TrainingState& state) const {
  if (rows_.defined()) state.arrays.emplace("plateau_rows", engine::to_array(rows_));
  state.scalars.emplace("stalled", static_cast<double>(stalled_));
  state.scalars.emplace("risen", static_cast<double>(risen_));
}

void Plateau::restore(const checkpoint::TrainingState& state, at::Device device) {
  stalled_ = static_cast<int64_t>(checkpoint::scalar_or(state, "stalled", 0));
  risen_ = static_cast<int64_t>(checkpoint::scalar_or(state, "risen", 0));
  if (const auto found = state.arrays.find("plateau_rows"); found != state.arrays.end())
    rows_ = engine::to_tensor(found->second).to(device);
}

}  // namespace fluxsbi::train
