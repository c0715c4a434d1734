// The shape of data, for what must be known before they are trained on.
#pragma once

#include "data/dataset.hpp"

namespace fluxsbi::data {

/// The shape that load_dataset would find. Simulates nothing; files are read. Throws UserError as it does for
/// a source that is missing, unreadable or of another rank.
DataShape dataset_shape(const DataOptions& options);

}  // namespace fluxsbi::data
