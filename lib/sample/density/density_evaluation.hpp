// The log-densities of one chunk of points (log_prob.hpp says what is computed).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "sample/density/density_equation.hpp"
#include "sample/density/log_prob.hpp"
#include "sample/memory.hpp"
#include "sample/recorded_chunks.hpp"
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
  /// The source must outlive it. who: what warnings of the device begin with. Throws UserError for a solver
  /// that is not Runge-Kutta.
  DensityEvaluation(const Source& source, const DivergenceOptions& divergence, const SamplingOptions& options,
                    const DensityMemory& memory, std::string who);

  size_t size() const { return static_cast<size_t>(source_.tokens * source_.channels); }
  bool exact() const { return divergence_.exact; }
  bool in_support(std::span<const double> value) const;
  /// Rows whose states (with a solver's stages) and directions fit.
  int64_t rows_per_chunk() const;
  /// What chunks of these points are kept by.
  static uint64_t key_of(const ChunkPoints& points);
  /// Solves the points' paths. Throws core::Interrupted within a core::InterruptScope when a signal asked to
  /// stop.
  Chunk compute(const ChunkPoints& points);
  /// The densities of points whose chunk this is.
  FoundDensities found_in(const Chunk& chunk, const ChunkPoints& points) const;
  /// `failed`: the first rows without a density, of `count` such rows.
  void warn(const std::vector<int64_t>& failed, int64_t count, int64_t exhausted, int64_t rows) const;

 private:
  void find_free();
  at::Tensor states(const ChunkPoints& points) const;
  ChunkPoints part_of_points(const ChunkPoints& points, size_t first, size_t count) const;
  void compute_part(const ChunkPoints& points, Chunk& all, std::vector<double>& values,
                    std::vector<double>& errors);
  LogDensity density_of(const Bound& bound, const at::Tensor& states, Directions directions) const;
  std::unique_ptr<RecordedChunks> recording();

  const Source& source_;
  const DivergenceOptions divergence_;
  const DensityMemory memory_;
  const std::string who_;
  FittingParts parts_;  // of chunks that the device's memory does not hold
  const SolverRow& solver_;
  const std::unique_ptr<method::Path> path_;
  SolverOptions solver_options_;
  at::Tensor free_;                                // [L, C] bool, on the host
  at::Tensor device_free_;                         // the same on the device, from the first chunk on
  Directions units_;                               // of exact divergences, from the first chunk on
  std::vector<uint8_t> given_, given_components_;  // [L C]; [dim] of the prior
  double offset_ = 0, signal_ = 1, spacing_ = 1;
  std::unique_ptr<RecordedChunks> recorded_;  // of whole chunks; null: none is recorded
};

}  // namespace fluxsbi::sample
