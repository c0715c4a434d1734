// The equal mixture of an ensemble's members: how its draws and densities follow from theirs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sample/density/log_prob.hpp"
#include "sample/draw.hpp"

namespace fluxsbi::sample {

/// The drawing of the equal mixture of `sources`, or of one, in blocks (Drawing): the draw of number d is of
/// source d mod K, so that shares are equal whatever the number of draws is, and the noise of a draw stays
/// keyed by its number. Only its source redraws it.
class MixtureDrawing {
 public:
  /// sources and options must outlive it.
  MixtureDrawing(std::span<const Source* const> sources, const Amount& amount,
                 const SamplingOptions& options);
  MixtureDrawing(const MixtureDrawing&) = delete;
  MixtureDrawing& operator=(const MixtureDrawing&) = delete;

  /// As those of Drawing, of all sources together.
  SampleBlock next(int64_t items, const Progress& progress = {});
  int64_t total() const { return amount_.rows * amount_.draws; }
  int64_t done() const { return done_; }
  int64_t drawn() const;
  int64_t evaluations() const;
  void finish() const;
  std::string state() const;
  void restore(const std::string& state);

  /// Items of a block that takes few megabytes: whole chunks of every source, and no more than are left. On a
  /// device it is up to 16 chunks, of 256 MB at most.
  int64_t block_items() const;

 private:
  int64_t members() const { return std::ssize(shares_); }
  int64_t items_of(size_t member, int64_t items) const;

  Amount amount_;
  int64_t size_;                ///< numbers of a sample
  bool on_device_;              ///< not on a CPU
  std::vector<Amount> shares_;  ///< of the sources
  std::vector<std::unique_ptr<Drawing>> drawings_;
  int64_t done_ = 0;
};

/// All samples of the mixture in one block.
Samples draw_mixture(std::span<const Source* const> sources, const Amount& amount,
                     const SamplingOptions& options, const Progress& progress = {});
/// What is left of a drawing, in one block.
Samples draw_rest(MixtureDrawing& drawing, int64_t rows, int64_t draws, const Progress& progress = {});

/// log((q_1 + ... + q_K) / K) of the members' log q [rows], which all give the same number of rows. A
/// standard error is the square root of the sum of (w_m s_m)^2, w_m being the member's share of the density
/// at the point: to first order that of independent estimates. NaN where a member's density is.
LogProbs mix(const std::vector<LogProbs>& members);

/// log of the mean of exp(logs), and each member's share of the mean in `shares`, of the same length.
double log_mean(std::span<const double> logs, std::span<double> shares);

/// Progress of part `part` of `parts` equal ones, as that of the whole; none for none.
Progress part_of(const Progress& progress, int64_t part, int64_t parts);

}  // namespace fluxsbi::sample
