#include <algorithm>
#include <set>

#include "core/error.hpp"
#include "model/gensbi_layout.hpp"
#include "model/small_flux1.hpp"
#include "support/catch.hpp"

using namespace fluxsbi::model;

TEST_CASE("every parameter has one GenSBI path of its own", "[model][gensbi]") {
  const auto network = random_flux1(small_shape(IdStrategy::absolute, IdStrategy::rope1d));
  const auto layout = gensbi_layout(*network);
  CHECK(layout.size() == network->named_parameters().size());
  std::set<std::string> paths;
  for (const auto& parameter : layout) paths.insert(parameter.path);
  CHECK(paths.size() == layout.size());
  for (const char* path :
       {"obs_in.kernel", "obs_ids_embedder.embedder.embed.embedding", "time_in.out_layer.bias",
        "double_blocks.layers.1.cond_attn.norm.key_norm.scale",
        "double_blocks.layers.0.obs_mlp.layers.2.kernel", "single_blocks.layers.1.modulation.lin.kernel",
        "final_layer.adaLN_modulation.layers.1.kernel"}) {
    CHECK(paths.count(path) == 1);
  }
}

TEST_CASE("a parameter goes to GenSBI's layout and back unchanged, however its kernel is split",
          "[model][gensbi]") {
  const GensbiParameter kernel{"a.weight", "a.kernel", true}, scale{"a.scale", "a.scale", false};
  const at::Tensor weight = random_tensor({12, 5}, 1);
  const at::Tensor theirs = to_gensbi(kernel, weight);
  CHECK(theirs.sizes() == at::IntArrayRef{5, 12});
  CHECK(at::equal(from_gensbi(kernel, theirs, {12, 5}), weight));
  CHECK(at::equal(from_gensbi(kernel, theirs.reshape({5, 3, 4}), {12, 5}), weight));
  const at::Tensor narrow = random_tensor({6, 1}, 2);
  CHECK(at::equal(from_gensbi(kernel, to_gensbi(kernel, narrow), {6, 1}), narrow));
  const at::Tensor wide = random_tensor({5, 12}, 3);
  CHECK(at::equal(from_gensbi(kernel, to_gensbi(kernel, wide).reshape({3, 4, 5}), {5, 12}), wide));
  CHECK(at::equal(from_gensbi(scale, weight, {12, 5}), weight));
}

TEST_CASE("an array of another configuration is refused by its path", "[model][gensbi]") {
  const GensbiParameter kernel{"a.weight", "a.kernel", true}, scale{"a.scale", "a.scale", false};
  CHECK_THROWS_AS(from_gensbi(kernel, at::zeros({12, 5}), {12, 5}), fluxsbi::core::UserError);
  CHECK_THROWS_AS(from_gensbi(kernel, at::zeros({60}), {12, 5}), fluxsbi::core::UserError);
  CHECK_THROWS_AS(from_gensbi(scale, at::zeros({4}), {5}), fluxsbi::core::UserError);
}
