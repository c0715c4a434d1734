// The paths of one chunk of samples from noise to data.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "sample/chunk_journal.hpp"
#include "sample/draw.hpp"
#include "sample/memory.hpp"
#include "sample/recorded_chunks.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

/// The end of a path and how often the network was evaluated on the way.
struct PathEnd {
  at::Tensor x;             ///< [n, L, C] standardised; NaN for rows that failed
  at::Tensor exhausted;     ///< [n] bool
  int64_t evaluations = 0;  ///< of the network, unconditional ones included
};

/// Draws chunks of a source's samples by the solver of its options. All arguments must outlive it.
class ChunkPaths {
 public:
  /// who: what warnings begin with. Throws UserError for a solver that does not suit the method, and for
  /// options that a student has not.
  ChunkPaths(const Source& source, const Amount& amount, const SamplingOptions& options, std::string who);

  /// Samples of the items (item = row * draws + draw), whose observations are `rows`: float32
  /// [items, tokens, channels], standardised. Where a device's memory does not hold them together, they are
  /// drawn in parts. Throws Interrupted when a stop is requested.
  Chunk compute(std::span<const int64_t> items, std::span<const int64_t> rows, int64_t attempt);

 private:
  Chunk compute_part(std::span<const int64_t> items, std::span<const int64_t> rows, int64_t attempt);
  int64_t number_of_draw(int64_t item) const;
  PathEnd follow(const Bound& bound, const at::Tensor& noise, const SolverOptions& options,
                 bool interruptible) const;
  std::unique_ptr<RecordedChunks> recording();
  Guidance guidance_of(const Bound& bound) const;

  const Source& source_;
  const Amount& amount_;
  const SamplingOptions& options_;
  const std::string who_;
  const SolverRow& solver_;
  const std::unique_ptr<method::Path> path_;
  const SolverOptions solver_options_;
  const std::unique_ptr<RecordedChunks> recorded_;  ///< of whole chunks; null: none is recorded
  FittingParts parts_;                              ///< of chunks that the device's memory does not hold
};

}  // namespace fluxsbi::sample
