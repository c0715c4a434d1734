// Sets of samples to compare, from files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::diagnose {

/// n draws of a d-dimensional variable.
struct SampleSet {
  std::string name;  ///< for messages: the file, with the row where it was chosen
  int64_t rows = 0, dimensions = 0;
  std::vector<double> values;        ///< [rows, dimensions], row-major
  std::vector<std::string> columns;  ///< names of the dimensions where the file holds them, else empty
  int64_t unfilled = 0;              ///< draws left out because the file marks them as not filled
  std::vector<int64_t> places = {};  ///< number of each draw in its row of the file; empty: those from 0 on
};

/// A file of samples, opened once; load_samples says which files. Of a run folder its samples.npz or
/// samples.h5.
class SampleFile {
 public:
  /// weighed: the caller has the weights of the draws, if there are any. Throws UserError otherwise where the
  /// file holds weights that differ.
  explicit SampleFile(const std::string& file_or_run, bool weighed = false);

  const std::string& path() const { return path_; }
  /// Whether the file holds [rows, n, d]; it then has observations() rows, which one at a time are a set.
  bool by_observation() const { return samples_.shape.size() > 2; }
  int64_t observations() const { return by_observation() ? samples_.shape[0] : 1; }
  /// n, filled or not.
  int64_t draws() const { return samples_.shape[by_observation() ? 1 : 0]; }
  /// What load_samples returns.
  SampleSet set(int64_t row = -1) const;
  /// The numbers of the draws of a row that are filled and finite; for [n, d] the row is 0.
  std::vector<int64_t> finite_draws(int64_t row) const;

  /// What was given in a row of `fluxsbi sample --given` for each of its columns, NaN where it was inferred;
  /// empty for other files.
  std::vector<double> given(int64_t row) const;
  /// The names of the file's meta: those of all columns of a row, and x's; empty where it holds none.
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<std::string>& x_names() const { return x_names_; }

 private:
  std::string path_;
  io::Array samples_;                        ///< [n, d], [rows, n, d] or [rows, n, d, channels]
  std::optional<io::Array> filled_, given_;  ///< [rows, n], [rows, d]
  std::vector<std::string> names_, x_names_;
};

/// Reads .npy [n, d], text [n, d] with or without names, or an .npz or HDF5 file with the key `samples`, else
/// `map` or `theta` [n, d], which other commands of fluxsbi write (an info line says so). Of text the columns
/// that CmdStan and R's posterior write about the draws (names that end in __ or begin with a point) are left
/// out. Also what ArviZ and getdist write (foreign_samples.hpp).
///
/// `samples` [rows, n, d] (what `fluxsbi sample` writes; a trailing axis of channels is folded into d) needs
/// `row` in 0..rows-1, which may be left at -1 where there is one row and means nothing where `samples` is
/// [n, d]; draws whose `filled` [rows, n] is false are left out and counted. Of a file that holds `given`
/// (what `fluxsbi sample --given` writes) the columns that were inferred in that row are read. Throws
/// UserError for an unreadable file, a missing key, another rank, a missing or impossible row, or no draws.
SampleSet load_samples(const std::string& path, int64_t row = -1);

/// The same without the draws that hold NaN or infinity, for commands that need numbers: a warning counts
/// them and those that are not filled, and `unfilled` counts both. Throws UserError where no draw is left.
SampleSet load_finite_samples(const std::string& path, int64_t row = -1);

/// Takes out the draws that hold NaN or infinity and returns how many.
int64_t drop_not_finite(SampleSet& set);

/// The dimensions that `wanted` names, in that order: by name, or by number from 0. Throws UserError for
/// others and for one that is named twice.
SampleSet with_columns(const SampleSet& set, const std::vector<std::string>& wanted);

/// `set` with its columns in the order of `names` where it has the same names in another order, which an info
/// line then says; else as it is.
SampleSet in_order_of(SampleSet set, const std::vector<std::string>& names);

}  // namespace fluxsbi::diagnose
