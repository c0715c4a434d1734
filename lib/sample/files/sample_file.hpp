// Files of samples, and joining the shards of one run.
//
// .npz, .h5 and .hdf5 hold these arrays (with a last axis of channels where there are several):
//   samples  [rows, N, d], the data's units. d is theta_dim, or joint_dim for questions of `given`. float32,
//            or float64 where float32 cannot resolve a hundredth of the spread of a row's draws
//            (number_type.hpp)
//   filled   bool [rows, N], false where a draw could not be filled and is NaN
//   x        [rows, x_dim], the observations, float32 where that holds them exactly, else float64; or else
//   given    [rows, joint_dim], what was given of theta and x, NaN where it was inferred, in such a type, too
//   meta     uint8 [bytes], JSON in UTF-8, with blanks behind it: seed, model, first_row, total_rows, shard,
//            drawn, version, theta_names, x_names, work (what was asked, as lines "key: value"), of an
//            ensemble members, of other samples than the model's posterior target; with `given` also names,
//            one for each of its columns
//
// .npy holds `samples` alone.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"
#include "sample/files/number_type.hpp"
#include "sample/files/samples.hpp"
#include "sample/files/shard.hpp"

namespace fluxsbi::sample {

/// The version of the layout, in meta.
inline constexpr int64_t sample_format = 1;

/// Where samples come from; the same for all shards of one run, except first_row and shard.
struct Origin {
  uint64_t seed = 0;
  std::string model;  ///< Posterior::identity()
  int64_t first_row = 0, total_rows = 0;
  Shard shard;
  std::vector<std::string> theta_names, x_names;
  int64_t members = 1;  ///< of an ensemble: draw d of a row is of member d mod members
  /// Lines "key: value" of what else decides the samples: observations and options. Empty: is not known.
  std::string work = {};
  /// What the samples are of, where that is not the model's posterior: "the posterior under the prior of
  /// other.yaml"; "" where it is.
  std::string target = {};
};

/// What each row of samples was asked for.
struct Question {
  enum class Kind { x, given };
  Kind kind = Kind::x;
  std::span<const double> values;  ///< [rows, tokens, channels], data's units; given: NaN where inferred
  int64_t tokens = 0, channels = 1;
};

/// Text as an array of bytes, uint8 [bytes].
io::Array text_array(const std::string& text);

/// Origin::target of a file of samples, and the same of a file of densities or modes; "" for other files, and
/// where nothing is said.
std::string target_of(const std::string& path);

/// "lp.npz holds densities of the posterior under the prior of b.yaml, and s.npz samples of the model's own
/// posterior", where both files say what they are of and these differ; else "".
std::string other_target(const std::string& samples, const std::string& densities);

/// The extensions that save_samples writes.
const std::vector<std::string>& sample_extensions();

/// Writes atomically what SampleWriter writes piece by piece. Says in one line where float32 is too coarse
/// for a column (choose_float64).
void save_samples(const std::string& path, const Samples& samples, const Question& question,
                  const Origin& origin, NumberType type = NumberType::automatic);

/// Joins shards into one file, float64 where one of them is, piece by piece: memory does not grow with them.
/// Throws UserError, before anything is written, for a file that is not a sample file or is .npy, for seeds,
/// models, draws, totals or work that differ (names the files), and for rows that are missing or doubled.
void merge_files(const std::vector<std::string>& paths, const std::string& out, bool force);

}  // namespace fluxsbi::sample
