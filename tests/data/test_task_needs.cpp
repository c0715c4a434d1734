// What tasks say of themselves beside their numbers: dependency graphs, and how their data are prepared.
#include <algorithm>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/tasks/task.hpp"

using namespace fluxsbi;

namespace {

/// The resolved options of `task` for a network that asks for `of_network`.
data::DataOptions resolved(const std::string& task, const std::string& of_network = "per_feature",
                           data::DataOptions options = {}) {
  options.task = task;
  data::resolve(options, of_network);
  return options;
}

}  // namespace

TEST_CASE("dependency graphs are symmetric, whole and hold each token", "[data][task][edges]") {
  for (const auto& row : data::tasks()) {
    CAPTURE(row.name);
    const auto shape = row.make()->shape();
    const auto tokens = static_cast<size_t>(shape.theta_dim + shape.x_dim);
    REQUIRE(shape.edges.size() == tokens);
    for (size_t i = 0; i < tokens; ++i) {
      REQUIRE(shape.edges[i].size() == tokens);
      REQUIRE(shape.edges[i][i] == '1');
      for (size_t j = 0; j < i; ++j) REQUIRE(shape.edges[i][j] == shape.edges[j][i]);
    }
  }
}

TEST_CASE("gaussian_linear's data depend on one parameter each, under either prior", "[data][task][edges]") {
  const auto edges = data::make_task(GENERATE("gaussian_linear", "gaussian_linear_uniform"))->shape().edges;
  CHECK(edges[3] == "00010000000001000000");
  CHECK(edges[13] == "00010000000001000000");
}

TEST_CASE("slcp's draws depend on all parameters and not on each other", "[data][task][edges]") {
  const auto edges = data::make_task("slcp")->shape().edges;
  CHECK(edges[2] == "1111111111111");
  CHECK(edges[5] == "1111111000000");
  CHECK(edges[8] == "1111100110000");
  CHECK(edges[12] == "1111100000011");
}

TEST_CASE("distractors depend on each other alone", "[data][task][edges]") {
  const auto edges = data::make_task("slcp_distractors")->shape().edges;
  const auto linked = [&](size_t i) { return std::count(edges[i].begin(), edges[i].end(), '1'); };
  // slcp's data y_0 .. y_7 stand at these positions of x, after the 5 parameters
  const size_t at[] = {22, 33, 23, 67, 42, 21, 16, 90};
  CHECK(linked(0) == 5 + 8);
  for (size_t k = 0; k < 8; ++k) {
    CAPTURE(k);
    CHECK(edges[4][5 + at[k]] == '1');
    CHECK(linked(5 + at[k]) == 5 + 2);
    CHECK(edges[5 + at[k]][5 + at[k ^ 1]] == '1');  // the other value of the draw
  }
  CHECK(linked(5 + 0) == 92);
  CHECK(edges[5 + 0][5 + 1] == '1');
  CHECK(edges[5 + 0][0] == '0');
  CHECK(edges[5 + 0][5 + 22] == '0');
}

TEST_CASE("a spike depends on the parameters whose stimulus has come", "[data][task][edges]") {
  const auto edges = data::make_task("bernoulli_glm_raw")->shape().edges;
  const std::string parameters(10, '1');
  CHECK(edges[0] == std::string(110, '1'));
  CHECK(edges[9] == parameters + std::string(8, '0') + std::string(92, '1'));
  CHECK(edges[10].substr(0, 10) == "1100000000");
  CHECK(edges[13].substr(0, 10) == "1111100000");
  CHECK(edges[60].substr(0, 10) == parameters);
  CHECK(edges[60].substr(10) == std::string(50, '0') + "1" + std::string(49, '0'));
  // sums of the same spikes have no such structure
  CHECK(data::make_task("bernoulli_glm")->shape().edges[15] == std::string(20, '1'));
}

TEST_CASE("a task's needs stand where the config says nothing", "[data][task][options]") {
  CHECK(resolved("slcp_distractors").standardise_x == data::Standardise::robust);
  CHECK(resolved("slcp_distractors").constant == data::ConstantColumns::error);
  CHECK(resolved("bernoulli_glm_raw").standardise_x == data::Standardise::per_feature);
  CHECK(resolved("bernoulli_glm_raw").constant == data::ConstantColumns::keep);
  CHECK(resolved("slcp").standardise_x == data::Standardise::per_feature);
  CHECK(resolved("slcp").constant == data::ConstantColumns::error);
}

TEST_CASE("what the config says stands before a task's needs", "[data][task][options]") {
  data::DataOptions options;
  options.standardise_x = data::Standardise::none;
  options.constant = data::ConstantColumns::error;
  CHECK(resolved("slcp_distractors", "per_feature", options).standardise_x == data::Standardise::none);
  CHECK(resolved("bernoulli_glm_raw", "per_feature", options).constant == data::ConstantColumns::error);
}

TEST_CASE("a network with shared weights has its one scale a channel before a task's needs",
          "[data][task][options]") {
  CHECK(resolved("slcp_distractors", "per_channel").standardise_x == data::Standardise::per_channel);
  CHECK(resolved("ar1_series", "per_channel").standardise_x == data::Standardise::per_channel);
}

TEST_CASE("files and unknown tasks have the general options", "[data][task][options]") {
  data::DataOptions options;
  options.file = "a.npz";
  data::resolve(options, "per_feature");
  CHECK(options.standardise_x == data::Standardise::per_feature);
  CHECK(options.constant == data::ConstantColumns::error);
  CHECK(resolved("no such task").constant == data::ConstantColumns::error);
}
