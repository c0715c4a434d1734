// What `refine` does: a posterior for one observation from few simulations, in rounds (docs/refine.md).
#pragma once

#include "refine/plan.hpp"

namespace fluxsbi::refine {

/// Round 1 simulates draws of the prior and trains on them, or takes rows and model of a run. Each further
/// round simulates draws of the prior restricted to the region that holds all but epsilon of the posterior's
/// mass at x (region.hpp), and trains anew on the rows of all rounds. Regions lie within each other, so that
/// the density of all theta together is the prior's times a factor that is constant in the newest one, where
/// the posterior at x lies; it is that under the prior itself, but for what the regions leave out.
///
/// The folder then holds rounds/1, rounds/2, ... (round.hpp), refinement.json, and model.safetensors, the
/// last round's model, which remembers x where some round has narrowed the prior. A line of the log says of
/// each round what it simulated, which share of the prior is left, its validation loss and its coverage. A
/// round that covers too little is named by a warning and narrows nothing. A refinement that was stopped goes
/// on with the same request and ends with the same bits; more rounds may be asked for later.
///
/// Throws UserError as make_plan does, for a folder that holds a run or another refinement, and for all that
/// simulations and trainings refuse; core::Stopped when a signal asked to stop and the same command goes on.
void refine(const RefinementRequest& request);

}  // namespace fluxsbi::refine
