// Draws samples for many observations in chunks, and redraws those outside the prior's support.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "data/prior/prior.hpp"
#include "method/method.hpp"
#include "sample/bound.hpp"
#include "sample/chunk_journal.hpp"
#include "sample/files/samples.hpp"
#include "sample/frame.hpp"
#include "sample/options.hpp"

namespace fluxsbi::sample {

/// What samples are drawn from: a method's path whose network is bound to observations. Sampling moves a
/// state of L tokens with C channels (theta, or theta and x of a joint model), of which the first `kept` are
/// the result.
struct Source {
  const method::Method* method = nullptr;
  /// Binds observation rows[i] to item i of a chunk. Called once a chunk.
  std::function<Bound(std::span<const int64_t> rows)> bind;
  Frame frame = {};  ///< of the state's L C features
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
  bool composed = false;            ///< bind() gives Bound::composed, which works on the host in part
  std::string who = {};             ///< what warnings begin with: "member 2: "; of a single model nothing
  /// The same source on other devices, which compute chunks beside this one. Only what they bind and their
  /// devices count.
  std::vector<const Source*> beside = {};

  /// The device of this one, then theirs.
  std::vector<at::Device> devices() const;
  const Source& on_device(size_t i) const { return i == 0 ? *this : *beside[i - 1]; }
  /// What warnings of work on a device begin with: with several, its name, too.
  std::string who_on(size_t i) const;
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

/// Draws the amount.rows * amount.draws samples, item by item (item = row * draws + draw), in blocks of
/// consecutive items. A sample that is not finite, or with options.reject outside the prior's support, is
/// redrawn with fresh noise, before the next block begins, until options.max_tries, until redrawing has taken
/// options.max_seconds in all, or until its observation is given up (rejection.hpp), and not at all where no
/// first try was finite; then it stays NaN with filled = 0. Where a tenth of the first tries or more is
/// redrawn, the log says so once. Memory is that of a block, of one chunk and 8 bytes for each sample of the
/// block that is to be redrawn. Blocks of whole chunks change no chunk of first tries.
class Drawing {
 public:
  /// All arguments must outlive it. Throws UserError for a solver that is unknown or not the method's.
  Drawing(const Source& source, const Amount& amount, const SamplingOptions& options);
  ~Drawing();

  /// The next `items` samples. Throws UserError for guidance of a model without a null condition,
  /// core::Interrupted within a core::InterruptScope when a signal asked to stop; finished chunks are in
  /// source.journal then.
  SampleBlock next(int64_t items, const Progress& progress = {});
  int64_t done() const;         ///< items of the blocks so far
  int64_t drawn() const;        ///< samples computed, redraws included
  int64_t evaluations() const;  ///< network evaluations of the longest chunk, unconditional ones included
  /// After the last block: warns of how many samples were not filled and where the rejected ones lie, and of
  /// the rows that ran into options.max_evaluations.
  void finish() const;

  /// Where it stands between two blocks, for restore() of another; JSON.
  std::string state() const;
  void restore(const std::string& state);

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

/// All of them in one block.
Samples draw(const Source& source, const Amount& amount, const SamplingOptions& options,
             const Progress& progress = {});

}  // namespace fluxsbi::sample
