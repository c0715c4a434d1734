#include <algorithm>
#include <string>
#include <vector>

#include "bench/engine_training.hpp"
#include "bench/sections.hpp"
#include "bench/timing.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "engine/device.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr int64_t rows_of_data = 10000;
constexpr int64_t block = 20;  // steps between two looks at the clock
constexpr int64_t warm_up_steps = 20, sums = 50;

// Seconds of one all-reduce of `numbers` when all ranks come to it at the same time.
double all_reduce_seconds(distributed::Communicator& ranks, int64_t numbers) {
  std::vector<float> values(static_cast<size_t>(numbers), 1.0F);
  std::vector<double> seconds;
  for (int64_t i = 0; i < sums; ++i) {
    std::fill(values.begin(), values.end(), 1.0F);
    ranks.barrier();
    const double begin = core::steady_seconds();
    ranks.sum(values);
    seconds.push_back(core::steady_seconds() - begin);
  }
  return median(std::move(seconds));
}

}  // namespace

Section distributed_training(const Settings& settings,
                             const std::shared_ptr<fluxsbi::distributed::Communicator>& ranks) {
  train::TrainingData data = make_data(settings.workload, rows_of_data, settings.device);
  data.ranks = ranks;
  EngineTraining training(settings.workload, data, settings.batch, "auto");
  for (int64_t i = 0; i < warm_up_steps; ++i) training.step();
  ranks->barrier();
  const double begin = core::steady_seconds(), before = ranks->seconds_of_sums();
  int64_t steps = 0;
  double seconds = 0;
  do {  // as long as the first rank's clock says
    for (int64_t i = 0; i < block; ++i, ++steps) training.step();
    engine::synchronize(settings.device);
    seconds = ranks->broadcast(core::steady_seconds() - begin);
  } while (seconds < settings.seconds);
  const double step = seconds / static_cast<double>(steps);
  const double in_sums = (ranks->seconds_of_sums() - before) / static_cast<double>(steps);
  const int64_t numbers = training.engine().parameters().gradient.numel();
  Section section{"training by " + core::count_text(ranks->size(), "rank") + " of " +
                      core::count_text(core::usable_threads(), "thread") + ", batch " +
                      std::to_string(settings.batch),
                  {{"steps", 1 / step, "steps/s", std::string(training.engine().name()) + " engine"}}};
  if (ranks->alone()) return section;
  const double reduce = std::min(all_reduce_seconds(*ranks, numbers), in_sums);
  section.figures.push_back(
      {"all-reduce", 100 * reduce / step, "% of a step",
       core::brief_text(1e6 * reduce) + " microseconds for " + std::to_string(numbers) + " numbers"});
  section.figures.push_back({"waiting for the slowest rank", 100 * (in_sums - reduce) / step, "% of a step",
                             "at the barrier that an all-reduce is"});
  return section;
}

}  // namespace fluxsbi::app::bench
