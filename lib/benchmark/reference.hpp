// The benchmark's observations and reference draws, in a folder laid out as those of the package sbibm.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxsbi::benchmark {

/// DIR/TASK/num_observation_K/observation.csv and reference_posterior_samples.npy (or .csv), K from 1.
/// slcp_distractors and bernoulli_glm_raw may instead have DIR/slcp/observations_distractors.npy and
/// DIR/bernoulli_glm/observations_raw.npy [10, dx], and the draws of slcp and bernoulli_glm, which are
/// theirs.
class ReferenceFolder {
 public:
  /// Throws UserError where `folder` is no folder.
  explicit ReferenceFolder(std::string folder);

  /// Whether anything of the task is there.
  bool has(const std::string& task) const;
  /// x of the first `count` observations [count, x_size]. Throws UserError for files that are missing or of
  /// another size.
  std::vector<double> observations(const std::string& task, int64_t count, int64_t x_size) const;
  /// The file of reference draws of observation K. Throws UserError where it is missing (says what to do
  /// about .csv.bz2), or holds fewer than 10 draws or another number of parameters than `theta_dim`.
  std::string posterior(const std::string& task, int64_t k, int64_t theta_dim) const;

 private:
  std::string folder_;
};

}  // namespace fluxsbi::benchmark
