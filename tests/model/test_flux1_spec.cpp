#include <catch2/generators/catch_generators.hpp>

#include "model/flux1/spec.hpp"
#include "model/read_spec.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using model::Flux1Spec, model::holds, model::parameter_shapes, model::written;

namespace {

const data::DataShape two_and_three{2, 1, 3, 1, {}, {}};

Flux1Spec spec_of(const std::string& lines, const data::DataShape& shape = two_and_three) {
  return model::read_spec<Flux1Spec>(lines, shape);
}

std::string error_of(const std::string& lines, const data::DataShape& shape = two_and_three) {
  return model::spec_error<Flux1Spec>(lines, shape);
}

}  // namespace

TEST_CASE("a section without a newer key is of the older generation", "[model][spec]") {
  const Flux1Spec spec = spec_of("");
  CHECK(spec.shape().null_condition);
  CHECK(spec.shape().obs.strategy == model::IdStrategy::sequence);
  CHECK(spec.shape().block.hidden() == 60);
  CHECK(spec.shape().rope_theta == 10000);
  CHECK(holds(spec.remarks().front(), "older generation"));
}

TEST_CASE("any key that only the newer generation has makes the section newer", "[model][spec]") {
  const std::string line =
      GENERATE(as<std::string>{}, "id_embedding_strategy: [absolute, pos1d]", "id_merge_mode: sum",
               "val_emb_dim: 10", "id_emb_dim: 4", "cond_emb_dim: 4", "dim_obs: 2", "dim_cond: 3");
  const Flux1Spec spec = spec_of(line);
  CHECK_FALSE(spec.shape().null_condition);
  CHECK(spec.shape().obs.strategy == model::IdStrategy::absolute);
  CHECK(spec.shape().id_axes.empty());
  CHECK(holds(spec.remarks().front(),
              "newer generation, because the section holds model." + line.substr(0, line.find(':'))));
}

TEST_CASE("nothing is said of the generation of a section that the recipe wrote", "[model][spec]") {
  const config::Value document = config::parse_yaml("model: {id_embedding_strategy: [absolute, pos1d]}\n",
                                                    std::string(model::recipe_file));
  config::Reader reader(document);
  Flux1Spec spec;
  spec.read(reader);
  reader.finish();
  spec.resolve(two_and_three);
  for (const std::string& remark : spec.remarks()) CHECK_FALSE(holds(remark, "generation"));
}

TEST_CASE("obs_dim and cond_dim are names of both generations", "[model][spec]") {
  CHECK(spec_of("obs_dim: 2, cond_dim: 3").shape().null_condition);
}

TEST_CASE("either generation learns a null condition where it is asked to", "[model][spec][guidance]") {
  const std::string lines = GENERATE(as<std::string>{}, "", "id_merge_mode: sum");
  Flux1Spec spec = spec_of(lines);
  const size_t before = spec.remarks().size();
  CHECK(spec.learn_null_condition());
  CHECK(spec.shape().null_condition);
  CHECK(spec.remarks().size() == before + 1);
  CHECK(parameter_shapes(spec).front().first == "condition_embedding");
}

TEST_CASE("theta stands for the number of tokens where it is null, auto or -1", "[model][spec]") {
  CHECK(spec_of("theta: -1").shape().rope_theta == 20);  // the older generation's 4 * 5
  CHECK(spec_of("theta: null").shape().rope_theta == 50);
  CHECK(spec_of("theta: auto").shape().rope_theta == 50);
  CHECK(spec_of("theta: -1, axes_dim: [8, 2], id_embedding_strategy: [rope1d, rope1d]").shape().rope_theta ==
        50);
  CHECK(spec_of("theta: 70").shape().rope_theta == 70);
  CHECK(holds(error_of("theta: -2"), "model.theta must be above 0"));
  CHECK(holds(error_of("theta: 0"), "model.theta"));
}

TEST_CASE("the hidden size follows from the keys of each form", "[model][spec]") {
  CHECK(spec_of("num_heads: 4, axes_dim: [6, 4]").shape().block.hidden() == 40);
  CHECK(
      spec_of("num_heads: 4, val_emb_dim: 6, id_emb_dim: 4, id_merge_mode: concat").shape().block.hidden() ==
      40);
  CHECK(spec_of("num_heads: 4, val_emb_dim: 8, id_merge_mode: sum").shape().block.hidden() == 32);
  CHECK(spec_of("num_heads: 4, axes_dim: [10], mlp_ratio: 1.7").shape().block.mlp_width == 68);
}

TEST_CASE("GenSBI's own names are read", "[model][spec]") {
  const Flux1Spec spec = spec_of("dim_obs: 2, dim_cond: 3, params_dtype: float32, mlp_ratio: 4");
  CHECK(spec.param_dtype() == at::kFloat);
  CHECK(spec_of("").param_dtype() == at::kBFloat16);
}

TEST_CASE("a resolved section reads back as the same network and writes the same text", "[model][spec]") {
  const std::string lines = GENERATE(
      as<std::string>{}, "", "theta: -1", "axes_dim: [6, 4], qkv_bias: false",
      "theta: -1, id_embedding_strategy: [absolute, pos1d]", "dim_obs: 2",
      "val_emb_dim: 8, id_merge_mode: sum, num_heads: 3",
      "id_merge_mode: concat, val_emb_dim: 4, id_emb_dim: 6, id_embedding_strategy: [absolute, pos1d]",
      "guidance_embed: true, vec_in_dim: 3, axes_dim: [8, 2], id_embedding_strategy: [rope1d, absolute]");
  const Flux1Spec spec = spec_of(lines);
  const Flux1Spec again = model::read_back(spec, two_and_three);
  CHECK(written(again) == written(spec));
  CHECK(parameter_shapes(again) == parameter_shapes(spec));
  CHECK(again.shape().rope_theta == spec.shape().rope_theta);
  CHECK(again.shape().id_axes == spec.shape().id_axes);
}

TEST_CASE("a key that the others leave without effect is a warning", "[model][spec]") {
  const auto warnings = [](const std::string& lines) {
    std::string found;
    model::read_spec<Flux1Spec>(lines, two_and_three, &found);
    return found;
  };
  CHECK(warnings("id_embedding_strategy: [absolute, pos1d]") == "");
  CHECK(holds(warnings("id_merge_mode: concat, val_emb_dim: 4, id_emb_dim: 6, axes_dim: [10]"),
              "model.axes_dim"));
  CHECK(holds(warnings("id_merge_mode: sum, axes_dim: [10], val_emb_dim: 4"), "model.val_emb_dim"));
  CHECK(holds(warnings("id_merge_mode: sum, axes_dim: [10], id_emb_dim: 4"), "model.id_emb_dim"));
  CHECK(holds(warnings("id_merge_mode: concat, axes_dim: [8, 2], id_embedding_strategy: [rope1d, rope1d]"),
              "model.id_merge_mode"));
  CHECK(holds(warnings("cond_emb_dim: 4"), "model.cond_emb_dim"));
}

TEST_CASE("bad combinations of keys are named with place and remedy", "[model][spec]") {
  CHECK(holds(error_of("axes_dim: [7]"), "odd entry"));
  CHECK(holds(error_of("axes_dim: [7]"), "a.yaml:1:"));
  CHECK(holds(error_of("vec_in_dim: 4"), "guidance"));
  CHECK(holds(error_of("guidance_embed: true"), "vec_in_dim"));
  CHECK(holds(error_of("num_heads: 0"), "model.num_heads must be from 1"));
  CHECK(holds(error_of("id_embedding_strategy: [absolut, pos1d]"), "did you mean 'absolute'"));
  CHECK(holds(error_of("id_embedding_strategy: [absolute]"), "pair"));
  CHECK(holds(error_of("id_embedding_strategy: [rope1d, rope1d], axes_dim: [10]"), "must have 2 entries"));
  CHECK(holds(error_of("id_embedding_strategy: [rope1d, rope2d], axes_dim: [8, 2]"), "must have 3 entries"));
  CHECK(holds(error_of("id_merge_mode: concat"), "val_emb_dim and id_emb_dim"));
  CHECK(holds(error_of("id_merge_mode: concat, val_emb_dim: 4, id_emb_dim: 2, axes_dim: [8, 2], "
                       "id_embedding_strategy: [rope1d, absolute]"),
              "of one width"));
  CHECK(holds(error_of("depth: 0, depth_single_blocks: 0"), "never see"));
  CHECK(holds(error_of("num_head: 4"), "did you mean 'num_heads'"));
}

TEST_CASE("a section that does not fit the data is refused by key", "[model][spec]") {
  CHECK(holds(error_of("in_channels: 2"), "model.in_channels = 2, but the data's theta channels = 1"));
  CHECK(holds(error_of("in_channels: 2"), "a.yaml:1:"));
  CHECK(holds(error_of("context_in_dim: 3"), "model.context_in_dim"));
  CHECK(holds(error_of("obs_dim: 4"), "model.obs_dim = 4"));
  CHECK(holds(error_of("cond_dim: 4"), "model.cond_dim = 4"));
  CHECK(spec_of("", {2, 3, 3, 2, {}, {}}).shape().obs.channels == 3);
}

TEST_CASE("grids come from the data or the section, and their product is the number of tokens",
          "[model][spec]") {
  const data::DataShape image{2, 1, 6, 1, {}, {2, 3}}, flat{2, 1, 6, 1, {}, {}};
  const std::string rope = "id_embedding_strategy: [absolute, rope2d], axes_dim: [2, 4, 4]";
  const std::string fixed = "id_embedding_strategy: [absolute, pos2d], axes_dim: [4]";
  CHECK(spec_of(rope, image).shape().cond.grid == std::vector<int64_t>{2, 3});
  CHECK(spec_of(fixed + ", cond_grid: [3, 2]", flat).shape().cond.grid == std::vector<int64_t>{3, 2});
  CHECK(holds(error_of(fixed, flat), "model.cond_grid is needed"));
  CHECK(holds(error_of(fixed + ", cond_grid: [2, 2]", flat), "product 6"));
  CHECK(holds(error_of("id_embedding_strategy: [absolute, pos2d], axes_dim: [3], num_heads: 2", image),
              "multiple of 4"));
}

TEST_CASE("the model card's advice becomes remarks", "[model][spec]") {
  const auto advice = [](const Flux1Spec& spec) {
    std::string text;
    for (const auto& line : spec.remarks()) text += line + "\n";
    return text;
  };
  CHECK(holds(advice(spec_of("depth: 8, depth_single_blocks: 4")), "twice depth"));
  CHECK_FALSE(holds(advice(spec_of("depth: 4, depth_single_blocks: 8")), "twice depth"));
  CHECK(holds(advice(spec_of("", {2, 1, 101, 1, {}, {}})), "embedding network"));
  CHECK(holds(advice(spec_of("", {21, 1, 3, 1, {}, {}})), "embedding network"));
  CHECK_FALSE(holds(advice(spec_of("")), "embedding network"));
}
