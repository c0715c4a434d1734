// Missing values of x: what a network sees in their place.
#pragma once

#include <memory>

#include "model/embedding/embedding.hpp"

namespace fluxsbi::model {

/// Each value of x [B, M, K] becomes two channels: the value, or a learned number where it is NaN, and 1
/// where it is NaN, else 0. The embedding network proper, if there is one, sees these [B, places, 2 channels]
/// in place of x.
/// The learned numbers stand in the parameter `missing` [places, channels] (one for each value), or [1,
/// channels] where networks that treat all places alike follow. They begin at 0, the mean of standardised
/// data.
class MissingCells : public Embedding {
 public:
  /// x holds places * channels values a row. `network` may be null.
  MissingCells(int64_t places, int64_t channels, bool places_alike, std::shared_ptr<Embedding> network);

  /// x [B, M, K] with NaN where a value is missing -> the network's tokens, or [B, places, 2 channels]
  torch::Tensor forward(const torch::Tensor& x) const override;
  void initialise(Initialiser& initialiser) const override;

 private:
  int64_t places_, channels_;
  torch::Tensor missing_;
  std::shared_ptr<Embedding> network_;
};

/// Which places of values and marks [B, places, 2 channels], as MissingCells makes them, have a value in any
/// channel: [B, places] bool. In a row that has none all count, so that a mean over them is a number.
torch::Tensor present_places(const torch::Tensor& values_and_marks);

}  // namespace fluxsbi::model
