// Patches of a series or an image as tokens (Dosovitskiy et al. 2021, arXiv 2010.11929): the main network's
// own attention relates them to each other.
#pragma once

#include <memory>
#include <vector>

#include "model/blocks/linear.hpp"
#include "model/embedding/embedding.hpp"
#include "model/embedding/pooling.hpp"

namespace fluxsbi::model {

struct PatchShape {
  std::vector<int64_t> size;   ///< [length] of a series, [rows, columns] of an image
  std::vector<int64_t> patch;  ///< of as many axes; each divides its size
  int64_t channels = 1;        ///< of x
  bool marked = false;  ///< x is values and marks (MissingCells): pooling leaves out patches without a value

  /// Patches along each axis.
  std::vector<int64_t> positions() const;
};

/// Each patch, all its values and channels, through one Linear; a learned vector for each position is added
/// if `learned_positions`. `readout` (or null: the patches are the tokens) makes one vector of them.
/// Parameters beside the Linear's: positions [N, F].
class PatchEmbedding : public Embedding {
 public:
  PatchEmbedding(PatchShape shape, int64_t features, bool learned_positions,
                 std::shared_ptr<Readout> readout);

  torch::Tensor forward(const torch::Tensor& x) const override;
  void initialise(Initialiser& initialiser) const override;

 private:
  /// x [B, places, channels] -> [B, N, values of a patch]
  torch::Tensor patches(const torch::Tensor& x, int64_t channels) const;

  PatchShape shape_;
  std::shared_ptr<Linear> patch_;
  torch::Tensor positions_;  ///< undefined: none are added
  std::shared_ptr<Readout> readout_;
};

}  // namespace fluxsbi::model
