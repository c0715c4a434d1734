#include "model/embedding/patchify.hpp"

#include <cmath>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "model/embedding/missing_cells.hpp"
#include "model/ops/elementwise.hpp"

namespace fluxsbi::model {

std::vector<int64_t> PatchShape::positions() const {
  std::vector<int64_t> counts;
  for (size_t axis = 0; axis < size.size(); ++axis) counts.push_back(size[axis] / patch.at(axis));
  return counts;
}

PatchEmbedding::PatchEmbedding(PatchShape shape, int64_t features, bool learned_positions,
                               std::shared_ptr<Readout> readout)
    : shape_(std::move(shape)), readout_(std::move(readout)) {
  int64_t values = shape_.channels, count = 1;
  for (const int64_t n : shape_.patch) values *= n;
  for (const int64_t n : shape_.positions()) count *= n;
  patch_ = register_module("patch", std::make_shared<Linear>(values, features));
  if (learned_positions) positions_ = register_parameter("positions", at::zeros({count, features}));
  if (readout_) register_module("readout", readout_);
}

torch::Tensor PatchEmbedding::patches(const torch::Tensor& x, int64_t channels) const {
  const auto counts = shape_.positions();
  torch::Tensor patches = x;  // a series' patches follow each other in memory already
  if (counts.size() == 2) {
    const int64_t p = shape_.patch[0], q = shape_.patch[1];
    patches = x.reshape({x.size(0), counts[0], p, counts[1], q, channels}).transpose(2, 3);
  }
  const int64_t count = counts.size() == 2 ? counts[0] * counts[1] : counts[0];
  return patches.reshape({x.size(0), count, -1});
}

torch::Tensor PatchEmbedding::forward(const torch::Tensor& x) const {
  torch::Tensor tokens = patch_->forward_wide(patches(x, shape_.channels));  // [B, N, F]
  if (positions_.defined()) tokens = tokens + positions_.to(at::kFloat);
  if (!readout_) return tokens;
  torch::Tensor present;
  if (shape_.marked && readout_->pools()) present = patches(present_places(x).unsqueeze(2), 1).any(2);
  return readout_->forward(ops::gelu(tokens), present);
}

void PatchEmbedding::initialise(Initialiser& initialiser) const {
  patch_->initialise(initialiser);
  if (positions_.defined())
    initialiser.normal(positions_, 1 / std::sqrt(static_cast<double>(positions_.size(1))));
  if (readout_) readout_->initialise(initialiser);
}

}  // namespace fluxsbi::model
