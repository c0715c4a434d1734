// Which engine and which number type are chosen, and what is said about it.
#include "core/error.hpp"
#include "engine/choice.hpp"
#include "engine/tile/kernels.hpp"
#include "model/small_flux1.hpp"
#include "support/catch.hpp"
#include "support/toy_network.hpp"

namespace fluxsbi::engine {
namespace {

using Catch::Matchers::ContainsSubstring;

EngineChoice choice(at::ScalarType type, const std::string& request) {
  return choose_engine(model::random_flux1(model::small_shape()), type, at::kCPU, request);
}

TEST_CASE("an engine is chosen by name, and says what it is and why", "[engine][choice]") {
  const std::string tile = "engine: tile (" + std::string(tile::kernels().name) + " kernels";
  for (const std::string request : {"auto", "tile"}) {
    const EngineChoice chosen = choice(at::kFloat, request);
    CHECK(chosen.engine->name() == "tile");
    CHECK(chosen.sentence.starts_with(tile));
  }
  const EngineChoice asked = choice(at::kFloat, "reference"), rounded = choice(at::kBFloat16, "auto");
  CHECK(asked.engine->name() == "reference");
  CHECK(asked.sentence == "engine: reference (as asked for)");
  CHECK(rounded.engine->name() == "reference");
  CHECK(rounded.sentence == "engine: reference (the tile engine does not cover bfloat16)");
}

TEST_CASE("an engine is refused where its name is wrong or it does not cover the network",
          "[engine][choice]") {
  CHECK_THROWS_WITH(choice(at::kFloat, "tiel"), ContainsSubstring("did you mean 'tile'"));
  CHECK_THROWS_WITH(choice(at::kBFloat16, "tile"), ContainsSubstring("bfloat16"));
  CHECK_THROWS_WITH(choose_engine(std::make_shared<test::ToyNetwork>(), at::kFloat, at::kCPU, "tile"),
                    ContainsSubstring("this kind of network"));
}

TEST_CASE("the compute type follows the option, the model and the hardware", "[engine][choice]") {
  const at::Device cpu(at::kCPU);
  CHECK(choose_compute("auto", at::kBFloat16, cpu, true).type == at::kBFloat16);
  CHECK(choose_compute("auto", at::kBFloat16, cpu, false).type == at::kFloat);
  CHECK(choose_compute("auto", at::kFloat, cpu, true).type == at::kFloat);
  CHECK(choose_compute("float32", at::kBFloat16, cpu, true).type == at::kFloat);
  CHECK(choose_compute("bfloat16", at::kFloat, cpu, false).type == at::kBFloat16);
  CHECK_THAT(choose_compute("bfloat16", at::kFloat, cpu, false).reason,
             ContainsSubstring("float32 would be faster"));
}

}  // namespace
}  // namespace fluxsbi::engine
