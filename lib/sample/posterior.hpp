// A trained posterior estimator, ready to draw from: all that `model.safetensors` holds, put together.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/model_file.hpp"
#include "config/table.hpp"
#include "data/prior.hpp"
#include "engine/engine.hpp"
#include "method/method.hpp"
#include "sample/solver.hpp"

namespace fluxsbi::sample {

/// The `sampling` section.
struct SamplingOptions {
  std::string solver = "auto";
  std::optional<int64_t> steps;
  double atol = 1e-5, rtol = 1e-5;
  int64_t max_evaluations = 10000;
  double memory_gb = 1.0;     ///< what a chunk may take beside the result
  int64_t chunk = 0;          ///< draws a chunk; 0: from memory_gb
  bool reject = true;         ///< redraw samples outside the prior's support
  int64_t max_tries = 100;    ///< redraws of one sample
  double max_seconds = 3600;  ///< redrawing ends then
};
const config::Table<SamplingOptions>& sampling_table();

struct Samples {
  int64_t rows = 0, draws = 0;
  data::DataShape shape;
  std::vector<float>
      values;  ///< [rows, draws, obs_dim, obs_channels], the data's units; NaN where not filled
  std::vector<uint8_t> filled;  ///< [rows, draws]
  double acceptance = 1;        ///< accepted / drawn
  int64_t evaluations = 0;      ///< network evaluations of the longest chunk
};

class Posterior {
 public:
  /// Builds network, method, standardisers and prior from a model file's content.
  /// Throws UserError for what does not fit.
  Posterior(const checkpoint::ModelFile& file, const std::string& device, const std::string& compute);

  /// `draws` samples for each of `rows` observations x [rows, cond_dim, cond_channels] in the data's units.
  /// The noise of a draw is keyed by (seed, first_row + row, draw, attempt): chunks, shards and order change
  /// nothing beyond float32 rounding of batched products (1e-5 relative seen). `progress(done, total)` is
  /// called after every chunk.
  Samples sample(std::span<const float> x, int64_t rows, int64_t draws, uint64_t seed, int64_t first_row,
                 const SamplingOptions& options, const std::function<void(int64_t, int64_t)>& progress = {});

  const data::DataShape& shape() const;
  const std::vector<std::string>& theta_names() const;
  const std::vector<std::string>& x_names() const;
  engine::Engine& engine();
  const method::Method& method() const;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

}  // namespace fluxsbi::sample
