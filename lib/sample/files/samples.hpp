// What sampling gives.
#pragma once

#include <cstdint>
#include <vector>

namespace fluxsbi::sample {

struct Samples {
  int64_t rows = 0, draws = 0;
  int64_t tokens = 0, channels = 1;
  std::vector<double> values;   ///< [rows, draws, tokens, channels], data's units; NaN where not filled
  std::vector<uint8_t> filled;  ///< [rows, draws], 1 or 0
  int64_t drawn = 0;            ///< samples computed, redraws included
  int64_t evaluations = 0;      ///< network evaluations of the longest chunk, unconditional ones included

  int64_t unfilled() const;
  /// kept / drawn
  double acceptance() const;
};

/// Consecutive samples in the order of rows and draws; a row may begin or end beyond them.
struct SampleBlock {
  int64_t tokens = 0, channels = 1;
  std::vector<double> values;   ///< [items, tokens, channels], data's units; NaN where not filled
  std::vector<uint8_t> filled;  ///< [items], 1 or 0
};

}  // namespace fluxsbi::sample
