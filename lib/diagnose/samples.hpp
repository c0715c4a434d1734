// Sets of samples to compare, from files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxsbi::diagnose {

/// n draws of a d-dimensional variable.
struct SampleSet {
  std::string name;  ///< for messages: the file, with the row where it was chosen
  int64_t rows = 0, dimensions = 0;
  std::vector<double> values;        ///< [rows, dimensions], row-major
  std::vector<std::string> columns;  ///< names of the dimensions where the file holds them, else empty
  int64_t unfilled = 0;              ///< draws left out because the file marks them as not filled
};

/// Reads .npy [n, d], text [n, d] with or without names, or an .npz or HDF5 file with the key `samples`, else `map` or
/// `theta` [n, d], which other commands of fluxsbi write (an info line says so). Of text the columns that CmdStan and
/// R's posterior write about the draws (names that end in __ or begin with a point) are left out.
///
/// `samples` [rows, n, d] (what `fluxsbi sample` writes; a trailing axis of channels is folded into d) needs
/// `row` in 0..rows-1, which may be left at -1 where there is one row and means nothing where `samples` is
/// [n, d]; draws whose `filled` [rows, n] is false are left out and counted. Of a file that holds `given`
/// (what `fluxsbi sample --given` writes) the columns that were inferred in that row are read. Throws
/// UserError for an unreadable file, a missing key, another rank, a missing or impossible row, or no draws.
SampleSet load_samples(const std::string& path, int64_t row = -1);

/// The dimensions that `wanted` names, in that order: by name, or by number from 0. Throws UserError for others and
/// for one that is named twice.
SampleSet with_columns(const SampleSet& set, const std::vector<std::string>& wanted);

}  // namespace fluxsbi::diagnose
