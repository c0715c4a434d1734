#include <catch2/generators/catch_generators.hpp>

#include "core/text.hpp"
#include "data/tasks/task.hpp"
#include "io/npy.hpp"
#include "model/read_spec.hpp"
#include "model/simformer/spec.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using model::EdgeRows, model::holds, model::SimformerSpec;

namespace {

const data::DataShape two_and_two{2, 1, 2, 1, {}, {}};

/// Reads the lines of a model section and resolves them.
SimformerSpec simformer_spec(const std::string& lines, const data::DataShape& shape = two_and_two) {
  const config::Value document = config::parse_yaml("model: {" + lines + "}\n", "a.yaml");
  config::Reader reader(document);
  SimformerSpec spec;
  spec.read(reader);
  reader.finish();
  spec.resolve(shape);
  return spec;
}

std::string simformer_error(const std::string& lines, const data::DataShape& shape = two_and_two) {
  return test::error_of([&] { simformer_spec(lines, shape); });
}

std::string simformer_warnings(const std::string& lines) {
  const config::Value document = config::parse_yaml("model: {" + lines + "}\n", "a.yaml");
  config::Reader reader(document);
  SimformerSpec().read(reader);
  return core::join(reader.finish());
}

std::string written(const SimformerSpec& spec) {
  config::Writer writer;
  spec.write(writer);
  return writer.text();
}

std::string advice(const SimformerSpec& spec) {
  return core::join(spec.remarks(), "\n");
}

}  // namespace

TEST_CASE("Simformer's defaults are those of the model card", "[model][simformer][spec]") {
  const model::SimformerShape shape = simformer_spec("").shape();
  CHECK(shape.block.hidden == 60);
  CHECK(shape.block.qkv_features == 60);
  CHECK(shape.block.mlp_width == 180);
  CHECK(shape.block.time_features == 128);
  CHECK(shape.layers == 4);
  CHECK(shape.tokens == 4);
  CHECK(shape.edges.empty());
  CHECK(simformer_spec("").param_dtype() == at::kFloat);
}

TEST_CASE("both generations' names mean the same Simformer", "[model][simformer][spec]") {
  CHECK(written(simformer_spec("dim_value: 20, dim_id: 6, dim_condition: 4, num_heads: 3, num_layers: 2, "
                               "widening_factor: 2, dim_joint: 4")) ==
        written(simformer_spec(
            "val_emb_dim: 20, id_emb_dim: 6, cond_emb_dim: 4, num_heads: 3, depth: 2, mlp_ratio: 2, "
            "joint_dim: 4")));
  CHECK(holds(simformer_error("depth: 2, num_layers: 3"), "two names of one option"));
}

TEST_CASE("a resolved Simformer section reads back as the same network", "[model][simformer][spec]") {
  const std::string lines =
      GENERATE(as<std::string>{}, "", "qkv_features: 12, num_heads: 3, widening_factor: 1.5",
               "edges: ['1100', '1100', '0010', '0001']", "param_dtype: bfloat16");
  const SimformerSpec spec = simformer_spec(lines);
  const std::string text = written(spec);
  const config::Value document = config::parse_yaml(text, "config.yaml");
  config::Reader reader(document);
  SimformerSpec again;
  again.read(reader);
  CHECK(reader.finish().empty());
  again.resolve(two_and_two);
  CHECK(written(again) == text);
  CHECK(again.shape().edges == spec.shape().edges);
  CHECK(again.shape().block.qkv_features == spec.shape().block.qkv_features);
}

TEST_CASE("heads divide the width of the attention", "[model][simformer][spec]") {
  const std::string problem = simformer_error("num_heads: 7");
  CHECK(holds(problem, "a.yaml:1:"));
  CHECK(holds(problem, "does not divide dim_tot"));
  CHECK(holds(problem, "use 1, 2, 3, 4, 5, 6"));
  CHECK(holds(simformer_error("qkv_features: 10, num_heads: 4"), "model.qkv_features = 10 is not divisible"));
  CHECK(simformer_spec("qkv_features: 14, num_heads: 7").shape().block.qkv_features == 14);
  CHECK(
      holds(simformer_error("dim_value: 1, dim_id: 1, dim_condition: 1, num_heads: 1, widening_factor: 0.1"),
            "without a feature"));
}

TEST_CASE("a Simformer that does not fit the data is refused by key", "[model][simformer][spec]") {
  CHECK(holds(simformer_error("dim_joint: 5"),
              "model.dim_joint = 5, but the data's theta tokens + x tokens = 4"));
  CHECK(holds(simformer_error("in_channels: 2"), "model.in_channels = 2"));
  CHECK(holds(simformer_error("", {2, 1, 2, 3, {}, {}}), "theta has 1 channels a token and x 3"));
  CHECK(holds(simformer_error("dim_value: 40", {2, 3, 2, 3, {}, {}}), "dim_value = 40 is not divisible"));
  CHECK(simformer_spec("dim_value: 42, num_heads: 2", {2, 3, 2, 3, {}, {}}).shape().channels == 3);
  CHECK(simformer_spec("", {2, 1, 0, 5, {}, {}}).shape().tokens ==
        2);  // no x, whatever its channels are called
}

TEST_CASE("keys of other models have no effect and are warned of", "[model][simformer][spec]") {
  CHECK(simformer_warnings("dim_value: 40") == "");
  for (const char* line : {"context_in_dim: 1", "vec_in_dim: null", "axes_dim: [10]", "theta: 100",
                           "qkv_bias: true", "id_merge_mode: concat", "dim_obs: 2", "cond_dim: 2"}) {
    CAPTURE(line);
    CHECK(holds(simformer_warnings(line), "has no effect here"));
  }
  CHECK(holds(simformer_warnings("param_dtype: bfloat16"), "Simformer's parameters are float32"));
  CHECK(holds(simformer_warnings("params_dtype: bfloat16"), "Simformer's parameters are float32"));
  CHECK(simformer_warnings("param_dtype: float32") == "");
  CHECK(simformer_spec("param_dtype: bfloat16").param_dtype() == at::kFloat);
  CHECK(holds(simformer_error("num_layer: 4"), "did you mean 'num_layers'"));
}

TEST_CASE("the card's limits of Simformer become remarks", "[model][simformer][spec]") {
  CHECK(advice(simformer_spec("")) == "");
  CHECK(holds(advice(simformer_spec("num_layers: 9")), "model.num_layers = 9"));
  CHECK(holds(advice(simformer_spec("num_heads: 15")), "model.num_heads = 15"));
  CHECK(holds(advice(simformer_spec("dim_value: 240")), "dim_tot"));
  CHECK(holds(advice(simformer_spec("", {11, 1, 2, 1, {}, {}})), "the number of inferred variables = 11"));
  CHECK(advice(simformer_spec("", {10, 1, 20, 1, {}, {}})) == "");
}

TEST_CASE("an edge mask is read from a file and then stands in the section", "[model][simformer][edges]") {
  const test::TemporaryFolder folder;
  const EdgeRows rows{"1001", "0110", "0010", "1111"};
  std::vector<uint8_t> bits;
  for (const auto& row : rows) {
    for (const char digit : row) bits.push_back(digit == '1');
  }
  const std::string npy = folder.file("edges.npy"), csv = folder.file("edges.csv");
  io::save_npy(npy, io::Array::from_bool(bits, {4, 4}));
  test::write_file(csv, "a,b,c,d\n1,0,0,1\n0,1,1,0\n0,0,1,0\n1,1,1,1\n");
  for (const std::string& path : {npy, csv}) {
    const SimformerSpec spec = simformer_spec("edge_mask: " + path);
    CHECK(spec.shape().edges == rows);
    CHECK(holds(advice(spec), "9 of 16 pairs"));
    CHECK_FALSE(holds(written(spec), path));
    CHECK(holds(written(spec), "\"1001\""));
  }
}

TEST_CASE("a bad edge mask is refused with what is wrong", "[model][simformer][edges]") {
  const test::TemporaryFolder folder;
  const auto file = [&](const std::string& text) {
    test::write_file(folder.file("e.csv"), text);
    return "edge_mask: " + folder.file("e.csv");
  };
  CHECK(holds(simformer_error(file("a,b\n1,0\n0,1\n")), "has 2 rows, but theta and x have 4 tokens"));
  CHECK(holds(simformer_error(file("a,b\n1,0\n")), "square"));
  CHECK(
      holds(simformer_error(file("a,b,c,d\n1,0,0,1\n0,2,1,0\n0,0,1,0\n1,1,1,1\n")), "row 2, column 2 is 2"));
  CHECK(
      holds(simformer_error(file("a,b,c,d\n1,0,0,1\n0,nan,1,0\n0,0,1,0\n1,1,1,1\n")), "row 2, column 2 is "));
  CHECK(holds(simformer_error("edge_mask: " + folder.file("absent.npy")), "model.edge_mask"));
  CHECK(holds(simformer_error("edge_mask: undirect"), "did you mean 'undirected'"));
  CHECK(holds(simformer_error("edge_mask: undirected"), "these data come from elsewhere"));
  CHECK(holds(simformer_error("edges: ['11', '11']"), "has 2 rows"));
  CHECK(holds(simformer_error("edges: ['1111', '1x11', '1111', '1111']"), "row 2 = '1x11'"));
  CHECK(holds(simformer_error("edges: ['1111', '111', '1111', '1111']"), "row 2 = '111'"));
  CHECK(holds(simformer_error("edge_mask: undirected, edges: ['1111']"), "both given"));
  CHECK(holds(simformer_error("edges: ['11', '11']"), "a.yaml:1:"));
}

TEST_CASE("the tasks' dependency graphs are known by name", "[model][simformer][edges]") {
  const auto linear = data::make_task("gaussian_linear")->shape();
  const SimformerSpec spec = simformer_spec("edge_mask: undirected", linear);
  const EdgeRows rows = spec.shape().edges;
  REQUIRE(rows.size() == 20);
  for (size_t i = 0; i < 20; ++i) {
    for (size_t j = 0; j < 20; ++j) CHECK((rows[i][j] == '1') == (i % 10 == j % 10));
  }
  for (const char* name : {"two_moons", "gaussian_mixture"}) {
    const SimformerSpec all = simformer_spec("edge_mask: undirected", data::make_task(name)->shape());
    CHECK(all.shape().edges.empty());
    CHECK(holds(advice(all), "16 of 16 pairs of tokens attend, which is no mask"));
  }
}

TEST_CASE("a token that may attend nowhere is remarked on", "[model][simformer][edges]") {
  CHECK(
      holds(advice(simformer_spec("edges: ['1111', '0000', '1111', '1111']")), "token 1 may attend to none"));
}
