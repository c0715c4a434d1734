#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "checkpoint/compare.hpp"
#include "core/error.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

const std::string one =
    "model:\n  depth: 4\n  axes_dim: [10, 2]\ntraining:\n  nsteps: 100\noutput:\n  tensorboard: true\n";

TEST_CASE("configurations that differ in order and layout alone are equal", "[checkpoint][compare]") {
  const std::string other =
      "training: {nsteps: 100}\noutput: {tensorboard: true}\nmodel:\n  axes_dim:\n  - 10\n  - 2\n  depth: "
      "4\n";
  CHECK(checkpoint::differing_keys(one, other).empty());
  checkpoint::require_same_config("c", one, other, {});
}

TEST_CASE("every key that differs is named with both values", "[checkpoint][compare]") {
  const std::string other =
      "model:\n  depth: 8\n  axes_dim: [10]\ntraining:\n  nsteps: 100\n  seed: 1\noutput:\n  tensorboard: "
      "true\n";
  CHECK(checkpoint::differing_keys(one, other).size() == 3);
  CHECK_THROWS_WITH(checkpoint::require_same_config("run/c", one, other, {}),
                    ContainsSubstring("run/c") && ContainsSubstring("model.depth is 4 there and 8 here") &&
                        ContainsSubstring("model.axes_dim is [10, 2] there and [10] here") &&
                        ContainsSubstring("training.seed is nothing there and 1 here"));
}

TEST_CASE("keys and sections that are free may differ", "[checkpoint][compare]") {
  const std::string other =
      "model:\n  depth: 4\n  axes_dim: [10, 2]\ntraining:\n  nsteps: 200\noutput:\n  tensorboard: false\n";
  CHECK_THROWS_AS(checkpoint::require_same_config("c", one, other, {"output"}), core::UserError);
  checkpoint::require_same_config("c", one, other, {"output", "training.nsteps"});
}

}  // namespace
