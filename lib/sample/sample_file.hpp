// Files of posterior samples, and joining the shards of one run.
//
// .npz, .h5 and .hdf5 hold
//   samples [rows, N, obs_dim] float32, the data's units; [rows, N, obs_dim, channels] where there are
//   several filled  [rows, N] bool, false where a draw could not be filled and is NaN x       [rows,
//   cond_dim] or [rows, cond_dim, channels] float32, the observations meta    [bytes] uint8, JSON in UTF-8:
//   seed, model, first_row, total_rows, shard, drawn, version, names
// .npy holds `samples` alone.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sample/draw.hpp"
#include "sample/shard.hpp"

namespace fluxsbi::sample {

/// Where samples come from; what shards of one run share, but for first_row and shard.
struct Origin {
  uint64_t seed = 0;
  std::string model;  ///< Posterior::identity()
  int64_t first_row = 0, total_rows = 0;
  Shard shard;
  std::vector<std::string> theta_names, x_names;
};

/// Throws UserError unless samples can be written to `path`: known extension, and not there already or
/// `force`. Called before the work starts.
void check_output(const std::string& path, bool force);

/// Writes atomically. x: [rows, cond_dim, cond_channels] of these rows, data's units. Takes the samples over,
/// so that the result stands in memory once more at most.
void save_samples(const std::string& path, Samples samples, std::span<const float> x, const Origin& origin);

/// Joins shards into one file. Throws UserError, before anything is written, for a file that is not a sample
/// file or is .npy, for seeds, models, draws or totals that differ (names the files), and for rows that are
/// missing or doubled.
void merge_files(const std::vector<std::string>& paths, const std::string& out, bool force);

}  // namespace fluxsbi::sample
