// Shape and number of rows of data that are not opened yet.
#pragma once

#include "data/dataset.hpp"

namespace fluxsbi::data {

struct DatasetSize {
  DataShape shape;
  int64_t rows = 0;
};

/// What open_dataset would find; of several files all are opened for it. It simulates nothing, and reads no
/// values but those of text files. Throws UserError as dataset_shape does.
DatasetSize dataset_size(const DataOptions& options);

}  // namespace fluxsbi::data
