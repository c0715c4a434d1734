// C2ST that others have published for the SBI benchmark's tasks (lib/benchmark/published.csv).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi::benchmark {

struct PublishedFigure {
  std::string task;
  int64_t simulations = 0;
  std::string method;      ///< "NPE", "GenSBI Flux1 flow"
  std::string kind;        ///< "amortised", "sequential" or "online"
  std::string classifier;  ///< "mlp", "forest" or "not stated"
  int64_t draws = 0;       ///< samples of each posterior that were scored
  double c2st = 0;
  std::string source;  ///< a key of published_sources()
  std::string note;

  /// "GenSBI Flux1 flow (forest, 10,000 draws)"
  std::string text() const;
};

/// All figures, in the file's order.
const std::vector<PublishedFigure>& published();

/// "Simformer: figures of ...", a source a line of the file.
const std::vector<std::string>& published_sources();

/// The tasks that have figures: the benchmark's ten, in its order.
const std::vector<std::string>& benchmark_tasks();

/// The lowest figures of one task and number of simulations; null where there is none.
struct PublishedBest {
  const PublishedFigure* amortised = nullptr;
  const PublishedFigure* sequential = nullptr;  ///< only where it is below `amortised`
  const PublishedFigure* gensbi = nullptr;
};
PublishedBest best_published(const std::string& task, int64_t simulations);

}  // namespace fluxsbi::benchmark
