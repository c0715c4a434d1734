#include "train/plateau.hpp"

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
  if (gain.mean().item<double>() > error) {
    rows_.copy_(rows);
    stalled_ = 0;
  } else {
    ++stalled_;
  }
}

void Plateau::save(checkpoint::TrainingState& state) const {
  if (rows_.defined()) state.arrays.emplace("plateau_rows", engine::to_array(rows_));
  state.scalars.emplace("stalled", static_cast<double>(stalled_));
}

void Plateau::restore(const checkpoint::TrainingState& state, at::Device device) {
  stalled_ = static_cast<int64_t>(checkpoint::scalar_or(state, "stalled", 0));
  if (const auto found = state.arrays.find("plateau_rows"); found != state.arrays.end())
    rows_ = engine::to_tensor(found->second).to(device);
}

}  // namespace fluxsbi::train
