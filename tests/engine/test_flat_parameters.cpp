
#include "core/error.hpp"
#include "engine/flat_parameters.hpp"
#include "engine/weights.hpp"
#include "support/catch.hpp"
#include "support/toy_network.hpp"

namespace {

using fluxsbi::engine::FlatParameters;
using fluxsbi::test::ToyNetwork;

int64_t address(const at::Tensor& tensor) {
  return reinterpret_cast<int64_t>(tensor.const_data_ptr());
}

TEST_CASE("flat parameters keep every value and view it in place", "[engine][flat]") {
  const auto reference = std::make_shared<ToyNetwork>(), network = std::make_shared<ToyNetwork>();
  FlatParameters flat(network, at::kFloat, at::kCPU);
  REQUIRE(flat.entries.size() == 5);
  CHECK(flat.working.is_same(flat.master));
  CHECK(flat.working_gradient.is_same(flat.gradient));
  const auto expected = reference->named_parameters(), got = network->named_parameters();
  for (const auto& entry : flat.entries) {
    CAPTURE(entry.name);
    CHECK(entry.offset % 16 == 0);
    CHECK(at::equal(got[entry.name], expected[entry.name]));
    CHECK(at::equal(FlatParameters::view(flat.master, entry), expected[entry.name]));
    CHECK(address(got[entry.name]) == address(flat.master) + 4 * entry.offset);
    CHECK(address(got[entry.name].grad()) == address(flat.gradient) + 4 * entry.offset);
  }
}

TEST_CASE("only weights of Linear layers decay", "[engine][flat]") {
  FlatParameters flat(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  int64_t decaying = 0;
  for (const auto& entry : flat.entries) {
    CAPTURE(entry.name);
    const bool linear_weight = entry.name == "inner.weight" || entry.name == "outer.weight";
    CHECK(entry.decays == linear_weight);
    CHECK(FlatParameters::view(flat.decay, entry).eq(linear_weight ? 1 : 0).all().item<bool>());
    if (entry.decays) decaying += entry.size;
  }
  CHECK(flat.decay.sum().item<double>() == static_cast<double>(decaying));  // the gaps do not decay
}

TEST_CASE("the Linear layers of Flux1 decay and nothing else does", "[engine][flat]") {
  const auto spec = fluxsbi::model::make_spec("flux1");
  spec->resolve({3, 1, 5, 1, {}, {}});
  FlatParameters flat(spec->build(), at::kFloat, at::kCPU);
  int decaying = 0;
  for (const auto& entry : flat.entries) {
    CAPTURE(entry.name);
    const bool matrix = entry.shape.size() == 2 && entry.name.ends_with(".weight");
    CHECK(entry.decays == matrix);
    decaying += entry.decays;
  }
  CHECK(decaying > 100);  // 8 double blocks of 10 matrices and 16 single ones of 3, at the defaults
}

TEST_CASE("a bfloat16 working copy follows the float32 master when it is published", "[engine][flat]") {
  const auto network = std::make_shared<ToyNetwork>();
  FlatParameters flat(network, at::kBFloat16, at::kCPU);
  const at::Tensor before = flat.master.clone();
  CHECK(network->scale.scalar_type() == at::kBFloat16);
  CHECK(network->scale.grad().scalar_type() == at::kBFloat16);
  flat.master.mul_(1.5);
  CHECK(at::equal(flat.working, before.to(at::kBFloat16)));
  flat.publish();
  CHECK(at::equal(flat.working, (before * 1.5).to(at::kBFloat16)));
  flat.assign(before);
  CHECK(at::equal(flat.master, before));
  CHECK(at::equal(flat.working, before.to(at::kBFloat16)));
}

TEST_CASE("a network that keeps its parameters in float32 has one buffer in bfloat16, too",
          "[engine][flat]") {
  const auto spec = fluxsbi::model::make_spec("simformer");
  spec->resolve({2, 1, 3, 1, {}, {}});
  FlatParameters flat(spec->build(), at::kBFloat16, at::kCPU);
  CHECK(flat.working.is_same(flat.master));
  CHECK(flat.working_gradient.is_same(flat.gradient));
  CHECK(flat.network()->parameters().front().scalar_type() == at::kFloat);
  for (const auto& entry : flat.entries) {
    CAPTURE(entry.name);
    CHECK(entry.decays == (entry.shape.size() == 2 && entry.name.ends_with(".weight")));
  }
}

TEST_CASE("weights go to arrays by name and back", "[engine][weights]") {
  FlatParameters one(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  FlatParameters other(std::make_shared<ToyNetwork>(), at::kBFloat16, at::kCPU);
  other.assign(at::zeros_like(other.master));
  auto weights = fluxsbi::engine::weights_by_name(one, one.master);
  CHECK(weights.at("outer.weight").shape == std::vector<int64_t>{2, 24});
  fluxsbi::engine::load_weights(other, weights, "a file");
  CHECK(at::equal(other.master, one.master));
  CHECK(at::equal(other.working, one.master.to(at::kBFloat16)));
}

TEST_CASE("weights of another network are refused by name", "[engine][weights]") {
  using Catch::Matchers::ContainsSubstring;
  FlatParameters flat(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  const auto good = fluxsbi::engine::weights_by_name(flat, flat.master);
  auto missing = good, extra = good, bent = good;
  missing.erase("scale");
  extra["outer.wait"] = extra["scale"];
  bent["outer.weight"].shape = {24, 2};
  const auto loading = [&](const fluxsbi::io::Arrays& weights) {
    return [&] { fluxsbi::engine::load_weights(flat, weights, "m.safetensors"); };
  };
  using fluxsbi::core::UserError;
  CHECK_THROWS_AS(loading(missing)(), UserError);
  REQUIRE_THROWS_WITH(loading(missing)(),
                      ContainsSubstring("m.safetensors") && ContainsSubstring("'scale' is missing"));
  REQUIRE_THROWS_WITH(loading(extra)(), ContainsSubstring("outer.wait") && ContainsSubstring("outer.weight"));
  REQUIRE_THROWS_WITH(loading(bent)(), ContainsSubstring("[24, 2]") && ContainsSubstring("[2, 24]"));
}

}  // namespace
