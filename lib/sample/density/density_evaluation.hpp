// The log-densities of one chunk of points (log_prob.hpp says what is computed).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "sample/density/log_prob.hpp"
#include "sample/memory.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

/// Points of one chunk.
struct ChunkPoints {
  std::vector<int64_t> rows;   ///< their numbers, by which probes and the chunk are keyed
  std::vector<int64_t> bound;  ///< what Source::bind knows them by
  std::vector<double> values;  ///< [rows, L, C]
};

/// What is found of the points of a chunk.
struct FoundDensities {
  std::vector<double> values, standard_errors;
  int64_t evaluations = 0, exhausted = 0;
};

class DensityEvaluation {
 public:
  /// The source must outlive it. Throws UserError for a solver that is not Runge-Kutta.
  DensityEvaluation(const Source& source, const DivergenceOptions& divergence, const SamplingOptions& options,
                    const DensityMemory& memory);

  size_t size() const { return static_cast<size_t>(source_.tokens * source_.channels); }
  bool exact() const { return divergence_.exact; }
  bool in_support(std::span<const double> value) const;
  /// Rows whose states (with a solver's stages) and directions fit.
  int64_t rows_per_chunk() const;
  /// Throws core::Interrupted within a core::InterruptScope when a signal asked to stop.
  FoundDensities evaluate(const ChunkPoints& points) const;
  /// `failed`: the first rows without a density, of `count` such rows.
  void warn(const std::vector<int64_t>& failed, int64_t count, int64_t exhausted, int64_t rows) const;

 private:
  void find_free();
  at::Tensor states(const ChunkPoints& points) const;
  Chunk compute(const ChunkPoints& points) const;
  ChunkPoints part_of_points(const ChunkPoints& points, size_t first, size_t count) const;
  void compute_part(const ChunkPoints& points, Chunk& all, std::vector<double>& values,
                    std::vector<double>& errors) const;
  FoundDensities found_in(const Chunk& chunk, const ChunkPoints& points) const;

  const Source& source_;
  const DivergenceOptions divergence_;
  const DensityMemory memory_;
  mutable FittingParts parts_;  // of chunks that the device's memory does not hold
  const SolverRow& solver_;
  const std::unique_ptr<method::Path> path_;
  SolverOptions solver_options_;
  at::Tensor free_;                                // [L, C] bool
  std::vector<uint8_t> given_, given_components_;  // [L C]; [dim] of the prior
  double offset_ = 0, signal_ = 1, spacing_ = 1;
};

}  // namespace fluxsbi::sample
