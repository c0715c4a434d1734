#include "model/blocks/id_embedding.hpp"

#include <cmath>

#include <ATen/ops/embedding.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "model/blocks/linear.hpp"
#include "model/blocks/time_embedding.hpp"

namespace fluxsbi::model {

IdEmbedding::IdEmbedding(IdStrategy strategy, int64_t tokens, int64_t width, const std::vector<int64_t>& grid)
    : strategy_(strategy), tokens_(tokens), width_(width), grid_(grid) {
  core::require(!is_rotary(strategy), "a rotary stream has no id embedding");
  if (strategy == IdStrategy::absolute) {
    embedding_ = register_parameter("embedding", at::zeros({tokens, width}));
  } else if (strategy == IdStrategy::pos1d) {
    table_ = DeviceConstant(position_table(tokens, width));
  } else {
    core::require(grid.size() == 2 && grid[0] * grid[1] == tokens,
                  "the grid's product is the number of tokens");
    table_ = DeviceConstant(grid_position_table(grid[0], grid[1], width));
  }
}

torch::Tensor IdEmbedding::forward(const torch::Tensor& ids, at::Device device) const {
  if (table_.defined()) return table_.on(device).unsqueeze(1);
  const torch::Tensor table = embedding_.to(wide(embedding_.scalar_type()));
  if (!ids.defined()) return table.unsqueeze(1);
  return at::embedding(table, ids.select(2, 0).transpose(0, 1));
}

void IdEmbedding::initialise(Initialiser& initialiser) const {
  if (!embedding_.defined()) return;
  initialiser.normal(embedding_, 1 / std::sqrt(static_cast<double>(embedding_.size(1))));
}

}  // namespace fluxsbi::model
