// How both sides of the data are transformed: what the config and the prior say, and what `auto` finds by a look at some
// rows.
#pragma once

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

/// Chooses by up to 20,000 evenly spaced rows. Throws UserError as choose_transforms.
Choices choose_sides(const Dataset& dataset, const DataOptions& options, const ThetaEnds& ends);

}  // namespace fluxsbi::data
