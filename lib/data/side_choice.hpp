// How both sides of the data are transformed: what the config and the prior say, and what `auto` finds by a
// look at some rows.
#pragma once

#include <span>
#include <vector>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/prior/prior.hpp"
#include "data/transform_choice.hpp"

namespace fluxsbi::data {

/// What is known of theta's prior where transforms are chosen.
struct ThetaEnds {
  Range ends;          ///< of each feature of theta, or empty
  bool logit = false;  ///< prior.transform: logit
};
/// `prior` may be null. Throws UserError as transform_range.
ThetaEnds theta_ends(const PriorOptions& options, const Prior* prior);

/// What both sides are transformed by.
struct Choices {
  SideChoice theta, x;
};

/// Chooses by up to 20,000 evenly spaced rows, and again once the ends of all values are known.
class TransformChooser {
 public:
  /// Reads the rows.
  TransformChooser(const Dataset& dataset, const DataOptions& options, const ThetaEnds& ends);
  /// Throws UserError as choose_transforms. Tallies of all rows, [size] or empty.
  Choices choose(std::span<const ColumnTally> theta = {}, std::span<const ColumnTally> x = {}) const;

 private:
  SideFacts theta_, x_;
  std::vector<double> theta_sample_, x_sample_;
};

}  // namespace fluxsbi::data
