// Rows of a data source: gathered on the device, or read while training.
#pragma once

#include <functional>
#include <memory>

#include "data/shape.hpp"
#include "data/source/standardised_rows.hpp"
#include "train/rows.hpp"

namespace fluxsbi::train {

/// A choice of a source's rows, in an order of its own.
struct RowChoice {
  int64_t size = 0;
  std::function<int64_t(int64_t)> row;  ///< the source's number of row i, 0 <= i < size; safe from any thread
};

/// What a source's rows are trained as.
struct RowLayout {
  data::DataShape shape;
  bool joint = false;
  at::Device device{at::kCPU};
};

/// All chosen rows on the device, read in blocks.
std::shared_ptr<Rows> gather_rows(const data::StandardisedRows& source, const RowChoice& choice,
                                  const RowLayout& layout);

/// Rows that stay in their source. While a step runs, a thread reads and standardises the rows of the next.
/// Batches hold the same bits as those of gather_rows.
std::shared_ptr<Rows> stream_rows(std::shared_ptr<const data::StandardisedRows> source, RowChoice choice,
                                  RowLayout layout);

}  // namespace fluxsbi::train
