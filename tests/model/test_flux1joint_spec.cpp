#include <catch2/generators/catch_generators.hpp>

#include "model/flux1joint/spec.hpp"
#include "model/read_spec.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using model::Flux1JointSpec, model::holds, model::parameter_shapes, model::TokenForm, model::written;

namespace {

const data::DataShape two_beside_three{2, 1, 3, 1, {}, {}};

Flux1JointSpec joint_spec(const std::string& lines, const data::DataShape& shape = two_beside_three) {
  return model::read_spec<Flux1JointSpec>(lines, shape);
}

std::string joint_error(const std::string& lines, const data::DataShape& shape = two_beside_three) {
  return model::spec_error<Flux1JointSpec>(lines, shape);
}

}  // namespace

TEST_CASE("a joint section without a newer key is of the older generation", "[model][spec][flux1joint]") {
  const Flux1JointSpec spec = joint_spec("");
  CHECK(spec.shape().form == TokenForm::rotary);
  CHECK(spec.shape().tokens == 5);
  CHECK(spec.shape().depth == 8);
  CHECK(spec.shape().block.hidden() == 6 * 14);
  CHECK(spec.shape().id_axes == std::vector<int64_t>{14});
  CHECK(spec.shape().rope_theta == 10000);
  CHECK(spec.param_dtype() == at::kBFloat16);
  CHECK(holds(spec.remarks().front(), "older generation"));
  CHECK(joint_spec("joint_dim: 5").shape().form == TokenForm::rotary);
  CHECK(joint_spec("dim_joint: 5, params_dtype: float32").param_dtype() == at::kFloat);
}

TEST_CASE("any key that only the newer generation has makes a joint section newer",
          "[model][spec][flux1joint]") {
  const std::string line = GENERATE(as<std::string>{}, "val_emb_dim: 10", "id_emb_dim: 4", "cond_emb_dim: 4",
                                    "id_merge_mode: sum", "id_embedding_strategy: absolute", "dim_obs: 2");
  const Flux1JointSpec spec = joint_spec(line);
  CHECK(spec.shape().form == TokenForm::sum);
  CHECK(spec.shape().id_axes.empty());
  CHECK(spec.shape().block.head_dim == 10);
  CHECK(holds(spec.remarks().front(),
              "newer generation, because the section holds model." + line.substr(0, line.find(':'))));
}

TEST_CASE("the widths of a joint network follow from the keys of each form", "[model][spec][flux1joint]") {
  const auto seed = joint_spec("num_heads: 3, axes_dim: [6, 4], condition_dim: [2, 4]").shape();
  CHECK(seed.id_axes == std::vector<int64_t>{8, 8});
  CHECK(seed.value_width == 30);
  CHECK(seed.mark_width == 18);
  CHECK(seed.block.hidden() == 48);
  const auto odd =
      joint_spec("num_heads: 4, id_merge_mode: concat, val_emb_dim: 5, cond_emb_dim: 2, id_emb_dim: 4");
  CHECK(odd.shape().block.head_dim == 11);
  CHECK(odd.shape().value_width == 20);
  CHECK(odd.shape().mark_width == 8);
  CHECK(odd.shape().id_width == 16);
  CHECK(joint_spec("id_merge_mode: sum, axes_dim: [8]").shape().block.head_dim == 8);
}

TEST_CASE("theta of a joint section stands for the number of tokens where it is null, auto or -1",
          "[model][spec][flux1joint]") {
  CHECK(joint_spec("theta: -1").shape().rope_theta == 20);
  CHECK(joint_spec("theta: null").shape().rope_theta == 50);
  CHECK(joint_spec("theta: auto").shape().rope_theta == 50);
  CHECK(joint_spec("theta: 70").shape().rope_theta == 70);
  CHECK(holds(joint_spec("theta: -1").remarks().at(1), "4 * joint_dim, as the older generation"));
  CHECK(holds(joint_error("theta: -2"), "model.theta must be above 0"));
}

TEST_CASE("a resolved joint section reads back as the same network and writes the same text",
          "[model][spec][flux1joint]") {
  const std::string lines =
      GENERATE(as<std::string>{}, "", "theta: -1, axes_dim: [6, 4], condition_dim: [2, 4]", "qkv_bias: false",
               "val_emb_dim: 8, num_heads: 3, theta: 20", "id_merge_mode: sum",
               "id_merge_mode: concat, val_emb_dim: 5, cond_emb_dim: 2, id_emb_dim: 4, axes_dim: [10]",
               "guidance_embed: true, vec_in_dim: 3, dim_joint: 5");
  const Flux1JointSpec spec = joint_spec(lines);
  const Flux1JointSpec again = model::read_back(spec, two_beside_three);
  CHECK(written(again) == written(spec));
  CHECK(parameter_shapes(again) == parameter_shapes(spec));
  CHECK(again.shape().id_axes == spec.shape().id_axes);
  CHECK(again.shape().rope_theta == spec.shape().rope_theta);
}

TEST_CASE("keys of GenSBI that do nothing in a joint model are warnings", "[model][spec][flux1joint]") {
  const auto warnings = [](const std::string& lines) {
    std::string found;
    model::read_spec<Flux1JointSpec>(lines, two_beside_three, &found);
    return found;
  };
  const std::string concat = "id_merge_mode: concat, val_emb_dim: 4, cond_emb_dim: 2, id_emb_dim: 6";
  CHECK(warnings("qkv_bias: true, axes_dim: [6], condition_dim: [4], theta: -1") == "");
  CHECK(warnings(concat) == "");
  CHECK(holds(warnings("qkv_bias: false"), "model.qkv_bias has no effect here: single-stream blocks"));
  CHECK(holds(warnings("context_in_dim: 1"), "model.context_in_dim has no effect here"));
  CHECK(holds(warnings("depth: 4"), "model.depth has no effect here"));
  CHECK(holds(warnings("val_emb_dim: 10, cond_emb_dim: 4"), "model.cond_emb_dim has no effect here"));
  CHECK(holds(warnings("val_emb_dim: 10, id_emb_dim: 4"), "model.id_emb_dim has no effect here"));
  CHECK(holds(warnings(concat + ", axes_dim: [12]"), "model.axes_dim has no effect here"));
  CHECK(holds(warnings(concat + ", condition_dim: [4]"), "model.condition_dim has no effect here"));
  CHECK(holds(warnings(concat + ", theta: 50"), "model.theta has no effect here"));
}

TEST_CASE("bad combinations of a joint section's keys are named with place and remedy",
          "[model][spec][flux1joint]") {
  CHECK(holds(joint_error("condition_dim: [4, 2]"),
              "condition_dim = [4, 2] must have as many entries as axes_dim"));
  CHECK(holds(joint_error("condition_dim: [4, 2]"), "a.yaml:1:"));
  CHECK(holds(joint_error("axes_dim: [7]"), "[11] has an odd entry"));
  CHECK(holds(joint_error("axes_dim: [7, 4], condition_dim: [3, 1]"), "[10, 5] has an odd entry"));
  CHECK(holds(joint_error("axes_dim: null"), "model.axes_dim must be a list"));
  CHECK(holds(joint_error("condition_dim: null"), "model.condition_dim must be a list"));
  CHECK(holds(joint_error("condition_dim: [0]"), "nothing would embed the condition mask"));
  CHECK(holds(joint_error("id_merge_mode: concat, val_emb_dim: 4, id_emb_dim: 4"), "cond_emb_dim"));
  CHECK(holds(joint_error("id_merge_mode: sum, axes_dim: null"), "nothing fixes the hidden size"));
  CHECK(holds(joint_error("id_embedding_strategy: absolut"), "did you mean 'absolute'"));
  CHECK(holds(joint_error("id_embedding_strategy: rope1d"), "must be one of absolute"));
  CHECK(holds(joint_error("id_embedding_strategy: [absolute, absolute]"), "must be text"));
  CHECK(holds(joint_error("vec_in_dim: 4"), "guidance"));
  CHECK(holds(joint_error("depth_single_blocks: 0"), "model.depth_single_blocks must be from 1"));
  CHECK(holds(joint_error("num_heads: 1, axes_dim: [1], condition_dim: [1], mlp_ratio: 0.1"),
              "without a feature"));
}

TEST_CASE("a joint section that does not fit the data is refused by key", "[model][spec][flux1joint]") {
  CHECK(holds(joint_error("joint_dim: 4"),
              "model.joint_dim = 4, but the data's theta tokens + x tokens = 5; write joint_dim: 5"));
  CHECK(holds(joint_error("dim_joint: 4"), "a.yaml:1:"));
  CHECK(holds(joint_error("in_channels: 2"), "model.in_channels = 2"));
  CHECK(holds(joint_error("", {2, 1, 3, 2, {}, {}}), "theta has 1 channels a token and x 2"));
  CHECK(joint_spec("", {2, 2, 3, 2, {}, {}}).shape().channels == 2);
}

TEST_CASE("a joint model needs no x", "[model][spec][flux1joint]") {
  const auto shape = joint_spec("joint_dim: 2, in_channels: 3", {2, 3, 0, 1, {}, {}}).shape();
  CHECK(shape.tokens == 2);
  CHECK(shape.channels == 3);
}
