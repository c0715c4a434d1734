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

EngineChoice choice(const Compute& compute, const std::string& request) {
  return choose_engine(model::random_flux1(model::small_shape()), compute, at::kCPU, request);
}

TEST_CASE("an engine is chosen by name, and says what it is and why", "[engine][choice]") {
  const std::string tile = "engine: tile (" + std::string(tile::kernels().instructions) + " kernels";
  for (const std::string request : {"auto", "tile"}) {
    const EngineChoice chosen = choice(at::kFloat, request);
    CHECK(chosen.engine->name() == "tile");
    CHECK(chosen.sentence.starts_with(tile));
  }
  const EngineChoice asked = choice(at::kFloat, "reference"), rounded = choice(at::kBFloat16, "auto"),
                     modules = choice(at::kBFloat16, "reference");
  CHECK(asked.engine->name() == "reference");
  CHECK(asked.sentence == "engine: reference (as asked for)");
  CHECK(rounded.engine->name() == "tile");
  CHECK_THAT(rounded.sentence, ContainsSubstring("products in bfloat16"));
  CHECK(modules.engine->name() == "reference");
  CHECK(modules.sentence == "engine: reference (as asked for)");
}

TEST_CASE("an engine is refused where its name is wrong or it does not cover the network",
          "[engine][choice]") {
  CHECK_THROWS_WITH(choice(at::kFloat, "tiel"), ContainsSubstring("did you mean 'tile'"));
  CHECK_THROWS_WITH(choose_engine(std::make_shared<test::ToyNetwork>(), at::kFloat, at::kCPU, "tile"),
                    ContainsSubstring("this kind of network"));
}

TEST_CASE("the compute type follows the option, the model and the hardware", "[engine][choice]") {
  const at::Device cpu(at::kCPU);
  const at::Device gpu(at::kCUDA, 0);
  CHECK(choose_compute("auto", at::kBFloat16, gpu, FastProducts::bfloat16).type == at::kBFloat16);
  CHECK(choose_compute("auto", at::kBFloat16, gpu, FastProducts::none).type == at::kFloat);
  CHECK(choose_compute("auto", at::kFloat, gpu, FastProducts::bfloat16).type == at::kFloat);
  for (const auto stored : {at::kFloat, at::kBFloat16}) {
    for (const auto fast : {FastProducts::bfloat16, FastProducts::bfloat16x3}) {
      const Compute rounded = choose_compute("auto", stored, cpu, fast);
      CHECK(rounded.type == at::kFloat);
      CHECK(rounded.products == tile::Rounding::bfloat16x3);
      CHECK_THAT(rounded.reason,
                 ContainsSubstring(fast == FastProducts::bfloat16 ? "gradients of parameters by products"
                                                                  : "products in bfloat16x3"));
    }
    const Compute plain = choose_compute("auto", stored, cpu, FastProducts::none);
    CHECK(plain.type == at::kFloat);
    CHECK(plain.products == tile::Rounding::none);
  }
  CHECK_THROWS_WITH(choose_compute("bfloat61", at::kFloat, cpu, FastProducts::bfloat16x3),
                    ContainsSubstring("did you mean 'bfloat16'"));
  CHECK(choose_compute("float32", at::kBFloat16, cpu, FastProducts::bfloat16x3).type == at::kFloat);
  CHECK(choose_compute("bfloat16", at::kFloat, cpu, FastProducts::none).type == at::kBFloat16);
  CHECK_THAT(choose_compute("bfloat16", at::kFloat, cpu, FastProducts::none).reason,
             ContainsSubstring("float32 would be faster"));
  const Compute split = choose_compute("bfloat16x3", at::kFloat, cpu, FastProducts::bfloat16x3);
  CHECK(split.type == at::kFloat);
  CHECK(split.products == tile::Rounding::bfloat16x3);
  const Compute gradients = choose_compute("bfloat16x3", at::kFloat, cpu, FastProducts::bfloat16);
  CHECK(gradients.products == tile::Rounding::bfloat16x3);
  CHECK_THAT(gradients.reason, ContainsSubstring("slower than float32"));
  const Compute without = choose_compute("bfloat16x3", at::kFloat, cpu, FastProducts::none);
  CHECK(without.products == tile::Rounding::none);
  CHECK_THAT(without.reason, ContainsSubstring("takes a processor with AMX"));
}

}  // namespace
}  // namespace fluxsbi::engine
