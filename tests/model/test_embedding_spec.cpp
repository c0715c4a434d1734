// The section `embedding`: what it resolves to, what it refuses.
#include "core/text.hpp"
#include "model/embedding/embedded_network.hpp"
#include "model/flux1/spec.hpp"
#include "support/catch.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using namespace fluxsbi::model;
using Catch::Matchers::ContainsSubstring;
using test::error_of;

namespace {

const data::DataShape long_series{2, 1, 50, 1, {}, {}}, square_image{2, 1, 256, 1, {}, {16, 16}},
    twenty_draws{2, 1, 20, 1, {}, {}, true};

EmbeddingSpec read_text(const std::string& text, std::vector<std::string>& warnings) {
  const config::Value document = config::parse_yaml(text, "a.yaml");
  config::Reader reader(document);
  EmbeddingSpec spec;
  spec.read(reader);
  warnings = reader.finish();
  return spec;
}

EmbeddingSpec read_section(const std::string& lines) {
  std::vector<std::string> warnings;
  return read_text("embedding: {" + lines + "}\n", warnings);
}

std::string warnings_of(const std::string& lines) {
  std::vector<std::string> warnings;
  read_text("embedding: {" + lines + "}\n", warnings);
  return core::join(warnings);
}

std::string problem_of(const std::string& lines, const data::DataShape& shape = long_series) {
  return error_of([&] { read_section(lines).resolve(shape); });
}

std::string written(const EmbeddingSpec& spec) {
  config::Writer writer;
  spec.write(writer);
  return writer.text();
}

/// A model of theta and x together.
class JointSpec : public Flux1Spec {
 public:
  bool takes_embedding() const override { return false; }
};

}  // namespace

TEST_CASE("a resolved embedding section reads back as the same without a warning",
          "[model][embedding][spec]") {
  const std::vector<std::pair<std::string, data::DataShape>> cases{
      {"network: none", long_series},
      {"network: mlp, hidden: 32", long_series},
      {"network: residual_mlp, output: tokens", long_series},
      {"network: cnn1d", long_series},
      {"network: cnn1d, output: vector", long_series},
      {"network: cnn2d, channels: [8, 8, 8], kernel: 5", square_image},
      {"network: cnn2d, grid: [5, 10]", long_series},
      {"network: patchify, patch: [5], positions: learned", long_series},
      {"network: patchify", square_image},
      {"network: set, pooling: attention", twenty_draws},
      {"network: set", twenty_draws}};
  for (const auto& [lines, shape] : cases) {
    CAPTURE(lines);
    EmbeddingSpec spec = read_section(lines);
    const auto seen = spec.resolve(shape);
    const std::string text = written(spec);
    std::vector<std::string> warnings;
    EmbeddingSpec again = read_text(text, warnings);
    CHECK(warnings.empty());
    const auto seen_again = again.resolve(shape);
    CHECK(written(again) == text);
    CHECK(seen_again.x_dim == seen.x_dim);
    CHECK(seen_again.x_channels == seen.x_channels);
    CHECK(again.remarks() == spec.remarks());
  }
}

TEST_CASE("a file without the section has no embedding", "[model][embedding][spec]") {
  std::vector<std::string> warnings;
  EmbeddingSpec spec = read_text("", warnings);
  CHECK_FALSE(spec.active());
}

TEST_CASE("remarks say what becomes of x and which ids fit", "[model][embedding][spec]") {
  const auto remark = [](const std::string& lines, const data::DataShape& shape) {
    EmbeddingSpec spec = read_section(lines);
    spec.resolve(shape);
    return core::join(spec.remarks());
  };
  CHECK_THAT(
      remark("network: patchify", square_image),
      ContainsSubstring("16 tokens of 64 features on a grid of [4, 4]") && ContainsSubstring("rope2d"));
  CHECK_THAT(remark("network: cnn1d", long_series),
             ContainsSubstring("13 tokens") && ContainsSubstring("rope1d"));
  CHECK_THAT(remark("network: set", twenty_draws), ContainsSubstring("[20] of 1 channel becomes 1 token"));
}

TEST_CASE("networks that share weights among positions want shared standardisation",
          "[model][embedding][spec]") {
  CHECK(read_section("network: none").standardisation() == "per_feature");
  CHECK(read_section("network: mlp").standardisation() == "per_feature");
  CHECK(read_section("network: set").standardisation() == "per_channel");
  CHECK(read_section("network: cnn2d").standardisation() == "per_channel");
}

TEST_CASE("a key that the network does not use is a warning", "[model][embedding][spec]") {
  CHECK_THAT(warnings_of("network: cnn1d, patch: [3]"),
             ContainsSubstring("a.yaml:1:") && ContainsSubstring("embedding.patch has no effect") &&
                 ContainsSubstring("patchify"));
  CHECK_THAT(warnings_of("network: mlp, tokens: 8"), ContainsSubstring("output: tokens"));
  CHECK_THAT(warnings_of("network: set, kernel: 5"), ContainsSubstring("embedding.kernel"));
  CHECK_THAT(warnings_of("network: set, heads: 8"), ContainsSubstring("attention"));
  CHECK_THAT(warnings_of("features: 8"), ContainsSubstring("embedding.network"));
  CHECK(warnings_of("network: set, heads: 8, pooling: attention") == "");
}

TEST_CASE("mistakes in the section are named with place and remedy", "[model][embedding][spec][errors]") {
  CHECK_THAT(problem_of("network: cnn1"), ContainsSubstring("did you mean 'cnn1d'"));
  CHECK_THAT(problem_of("network: cnn1d, kernel: 4"), ContainsSubstring("odd number from 1 to 63"));
  CHECK_THAT(problem_of("network: cnn1d, kernel: 3, stride: 3"), ContainsSubstring("use at least 5"));
  CHECK_THAT(problem_of("network: cnn1d, chanels: [4]"), ContainsSubstring("did you mean 'channels'"));
  CHECK_THAT(problem_of("network: set, pooling: flatten", twenty_draws), ContainsSubstring("order of a set"));
  CHECK_THAT(problem_of("network: set, pooling: attention, hidden: 30", twenty_draws),
             ContainsSubstring("embedding.heads = 4 does not divide embedding.hidden = 30; use 1, 2, 3, 5"));
}

TEST_CASE("a section that does not fit the data says why", "[model][embedding][spec][errors]") {
  CHECK_THAT(problem_of("network: cnn1d", square_image), ContainsSubstring("cnn2d"));
  CHECK_THAT(
      problem_of("network: cnn2d", long_series),
      ContainsSubstring("50 tokens of 1 channel") && ContainsSubstring("[n, height, width, channels]"));
  CHECK_THAT(problem_of("network: cnn2d, grid: [7, 7]", long_series),
             ContainsSubstring("a.yaml:1:") && ContainsSubstring("embedding.grid = [7, 7]"));
  CHECK_THAT(problem_of("network: patchify, patch: [8]", long_series),
             ContainsSubstring("does not divide [50]") && ContainsSubstring("1, 2, 5, 10, 25, 50"));
  CHECK_THAT(problem_of("network: patchify, patch: [4]", square_image), ContainsSubstring("two entries"));
  CHECK_THAT(problem_of("network: patchify, patch: [4, 4]", long_series), ContainsSubstring("one entry"));
}

TEST_CASE("gaps of x double the channels that the main network sees, unless an embedding takes them",
          "[model][embedding][spec][missing]") {
  EmbeddingSpec none = read_section("network: none"), set = read_section("network: set");
  CHECK(none.resolve(twenty_draws).x_channels == 2);
  CHECK(none.stands_before());
  CHECK_THAT(none.remarks().at(0), ContainsSubstring("x may have gaps"));
  CHECK(none.resolve(long_series).x_channels == 1);
  CHECK_FALSE(none.stands_before());
  CHECK(set.resolve(twenty_draws).x_channels == set.options().features);
  CHECK(set.remarks().size() == 1);
  const auto said = [](const std::string& pooling) {
    EmbeddingSpec series = read_section("network: cnn1d, output: vector, pooling: " + pooling);
    series.resolve(twenty_draws);
    return core::join(series.remarks());
  };
  CHECK_THAT(said("mean"), ContainsSubstring("embedding.pooling: mean tells the model nothing of how many"));
  CHECK_THAT(said("attention"), ContainsSubstring("embedding.pooling: attention tells"));
  CHECK_THAT(said("sum"), !ContainsSubstring("tells the model nothing"));
  CHECK_THAT(said("flatten"), !ContainsSubstring("tells the model nothing"));
}

TEST_CASE("a joint model with an embedding is refused with the way out", "[model][embedding][spec][errors]") {
  JointSpec model;
  EmbeddingSpec embedding = read_section("network: mlp");
  CHECK_THAT(error_of([&] { resolve(model, embedding, long_series); }),
             ContainsSubstring("embedding.network = mlp") && ContainsSubstring("strategy.model: flux1") &&
                 ContainsSubstring("embedding.network: none"));
}

TEST_CASE("the model's ids are those of the tokens that the embedding makes", "[model][embedding][spec]") {
  const config::Value document = config::parse_yaml(
      "model: {id_embedding_strategy: [absolute, rope2d], axes_dim: [2, 4, 4], num_heads: 2}\n", "a.yaml");
  config::Reader reader(document);
  Flux1Spec model;
  model.read(reader);
  EmbeddingSpec embedding = read_section("network: patchify, patch: [4, 8]");
  resolve(model, embedding, square_image);
  CHECK(model.shape().cond.grid == std::vector<int64_t>{4, 2});
  CHECK(model.shape().cond.tokens == 8);
  CHECK(model.shape().cond.channels == 64);
}
