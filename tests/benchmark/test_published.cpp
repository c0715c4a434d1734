#include <algorithm>
#include <set>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "benchmark/embedded.hpp"
#include "benchmark/published.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::benchmark {
namespace {

using Catch::Approx;

TEST_CASE(
    "every published figure is complete, and names a task, a kind, a classifier and a source that there are",
    "[benchmark][published]") {
  const std::set<std::string> kinds{"amortised", "sequential", "online"};
  const std::set<std::string> classifiers{"mlp", "forest", "not stated"};
  REQUIRE(published().size() > 400);
  for (const PublishedFigure& figure : published()) {
    INFO(figure.task << " " << figure.simulations << " " << figure.method);
    REQUIRE_NOTHROW(data::make_task(figure.task));
    REQUIRE(kinds.count(figure.kind) == 1);
    REQUIRE(classifiers.count(figure.classifier) == 1);
    REQUIRE(figure.c2st >= 0.49);
    REQUIRE(figure.c2st <= 1);
    REQUIRE(figure.draws >= 2000);
    const auto& sources = published_sources();
    REQUIRE(std::any_of(sources.begin(), sources.end(),
                        [&](const std::string& source) { return source.starts_with(figure.source + ":"); }));
  }
}

TEST_CASE("the benchmark has ten tasks, in its own order", "[benchmark][published]") {
  const std::vector<std::string> expected{
      "two_moons", "gaussian_linear",  "gaussian_linear_uniform", "gaussian_mixture",
      "slcp",      "slcp_distractors", "bernoulli_glm",           "bernoulli_glm_raw",
      "sir",       "lotka_volterra"};
  REQUIRE(benchmark_tasks() == expected);
}

TEST_CASE("the best published figures are those of the literature", "[benchmark][published]") {
  struct Known {
    const char* task;
    int64_t simulations;
    double amortised, sequential;  // sequential: 0 where no sequential method is better
  };
  for (const Known& known :
       {Known{"two_moons", 10000, 0.513, 0}, Known{"slcp", 1000, 0.831, 0},
        Known{"slcp_distractors", 100000, 0.863, 0.766}, Known{"bernoulli_glm", 10000, 0.616, 0.553},
        Known{"gaussian_linear", 100000, 0.499, 0}, Known{"lotka_volterra", 10000, 0.834, 0.738},
        Known{"sir", 100000, 0.513, 0}, Known{"bernoulli_glm_raw", 10000, 0.680, 0.658}}) {
    INFO(known.task << " " << known.simulations);
    const PublishedBest best = best_published(known.task, known.simulations);
    REQUIRE(best.amortised != nullptr);
    CHECK(best.amortised->c2st == Approx(known.amortised));
    CHECK((best.sequential ? best.sequential->c2st : 0) == Approx(known.sequential));
  }
  const PublishedBest moons = best_published("two_moons", 10000);
  REQUIRE(moons.amortised->method == "NPSE");
  REQUIRE(moons.amortised->text() == "NPSE (forest, 2000 draws)");
  REQUIRE(moons.gensbi->method == "GenSBI Flux1Joint score");
  REQUIRE(best_published("two_moons", 12345).amortised == nullptr);
  REQUIRE(best_published("ar1_series", 10000).amortised == nullptr);
}

TEST_CASE("the random forest's script is built in", "[benchmark]") {
  REQUIRE(forest_script().starts_with("#!/usr/bin/env python3"));
  REQUIRE(forest_script().ends_with("main()\n"));
}

}  // namespace
}  // namespace fluxsbi::benchmark
