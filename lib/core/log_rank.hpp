// The log of one of several processes that work as one.
#pragma once

namespace fluxsbi::core::log {

/// This process is rank `rank` of several: where that is not 0, it shows errors alone until the level is set
/// again, and each line begins with "rank 1: ".
void set_rank(int rank);

}  // namespace fluxsbi::core::log
