// Draws samples for many observations in chunks, and redraws those outside the prior's support.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "data/prior/prior.hpp"
#include "data/standardise.hpp"
#include "method/method.hpp"
#include "sample/bound.hpp"
#include "sample/chunk_journal.hpp"
#include "sample/files/samples.hpp"
#include "sample/options.hpp"

namespace fluxsbi::sample {

/// What samples are drawn from: a method's path whose network is bound to observations. Sampling moves a
/// state of L tokens with C channels (theta, or theta and x of a joint model), of which the first `kept` are
/// the result.
struct Source {
  const method::Method* method = nullptr;
  /// Binds observation rows[i] to item i of a chunk. Called once a chunk.
  std::function<Bound(std::span<const int64_t> rows)> bind;
  const data::Standardiser* standardiser = nullptr;  ///< of the state's L C features
  /// Its support decides which inferred theta is redrawn, theta being the first dim() features of the state;
  /// nullptr: anything finite is kept.
  const data::Prior* prior = nullptr;
  std::vector<std::string> theta_names = {};  ///< of prior->dim() numbers, for messages
  int64_t tokens = 0, channels = 1;
  int64_t kept = 0;
  /// [rows, L, C], data's units: given values, which the samples repeat, and NaN for what is inferred; empty:
  /// all is inferred.
  std::span<const double> given;
  at::Device device{at::kCPU};
  ChunkJournal* journal = nullptr;  ///< where finished chunks are kept; null: nowhere
  std::string who = {};             ///< what warnings begin with: "member 2: "; of a single model nothing
};

/// How much to draw. The noise of draw i is keyed by (seed, first_row + row, first_draw + i draw_step,
/// attempt).
struct Amount {
  int64_t rows = 0, draws = 0;
  uint64_t seed = 0;
  int64_t first_row = 0;
  int64_t chunk = 0;  ///< samples a chunk, >= 1
  int64_t first_draw = 0, draw_step = 1;
};

/// Called after every chunk with the number of samples that are final and their total.
using Progress = std::function<void(int64_t done, int64_t total)>;

/// Draws amount.rows * amount.draws samples. A sample that is not finite, or with options.reject outside the
/// prior's support, is redrawn with fresh noise until options.max_tries or options.max_seconds, or until its
/// observation is given up (rejection.hpp), and not at all where no first try was finite; then it stays NaN
/// with filled = 0, and a warning says how many and where the rejected ones lie, and another which rows ran
/// into options.max_evaluations. Where a tenth of the first tries or more is redrawn, the log says so. Memory
/// beside the result is that of one chunk and 8 bytes for each sample that is to be redrawn. Throws UserError
/// for a solver that is unknown or not the method's and for guidance of a model without a null condition,
/// core::Interrupted when a signal asked to stop; finished chunks are in source.journal then.
Samples draw(const Source& source, const Amount& amount, const SamplingOptions& options,
             const Progress& progress = {});

}  // namespace fluxsbi::sample
