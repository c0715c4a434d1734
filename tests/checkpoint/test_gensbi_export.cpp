#include <filesystem>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "checkpoint/gensbi_export.hpp"
#include "io/safetensors.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::error_of;

namespace {

io::Array zeros(std::vector<int64_t> shape) {
  size_t count = 1;
  for (const int64_t size : shape) count *= static_cast<size_t>(size);
  const std::vector<float> values(count, 0);
  return io::Array::from(std::span<const float>(values), std::move(shape));
}

const std::string obs_table = "obs_ids_embedder.embedder.embed.embedding",
                  cond_table = "cond_ids_embedder.embedder.embed.embedding",
                  joint_table = "ids_embedder.embedder.embed.embedding";

data::DataShape shape_of(const io::Arrays& arrays, const std::string& model = "{}",
                         const checkpoint::GivenTokens& given = {}) {
  const config::Value document = config::parse_yaml("model: " + model + "\n", "a.yaml");
  return checkpoint::gensbi_shape(arrays, document, {"a_ema.safetensors", "a.yaml", "a"}, given);
}

}  // namespace

TEST_CASE("the YAML of an export is the one of its name, or the only one", "[checkpoint][gensbi]") {
  const test::TemporaryFolder folder;
  const auto weights = folder.file("run_ema.safetensors");
  test::write_file(weights, "x");
  CHECK_THAT(error_of([&] { checkpoint::find_gensbi_files(weights, ""); }), ContainsSubstring("--config"));
  test::write_file(folder.file("other.yaml"), "");
  CHECK(checkpoint::find_gensbi_files(weights, "").config == folder.file("other.yaml"));
  test::write_file(folder.file("third.yml"), "");
  CHECK_THAT(error_of([&] { checkpoint::find_gensbi_files(weights, ""); }),
             ContainsSubstring("other.yaml, third.yml"));
  test::write_file(folder.file("run.yaml"), "");
  CHECK(checkpoint::find_gensbi_files(weights, "").config == folder.file("run.yaml"));
  test::write_file(folder.file("run_ema.yml"), "");
  CHECK(checkpoint::find_gensbi_files(weights, "").config == folder.file("run_ema.yml"));
  CHECK(checkpoint::find_gensbi_files(weights, "elsewhere.yaml").config == "elsewhere.yaml");
}

TEST_CASE("a folder means its averaged weights, and never one of several models", "[checkpoint][gensbi]") {
  const test::TemporaryFolder folder;
  const auto find = [&] { return checkpoint::find_gensbi_files(folder.path(), ""); };
  test::write_file(folder.file("run.yaml"), "");
  CHECK_THAT(error_of(find), ContainsSubstring("no .safetensors file"));
  io::Safetensors other;
  other.arrays["in/x"] = zeros({2});
  io::save_safetensors(folder.file("run_io.safetensors"), other);
  CHECK_THAT(error_of(find), ContainsSubstring("no .safetensors file"));
  test::write_file(folder.file("run_raw.safetensors"), "x");
  CHECK(find().weights == folder.file("run_raw.safetensors"));
  test::write_file(folder.file("run_ema.safetensors"), "x");
  CHECK(find().weights == folder.file("run_ema.safetensors"));
  CHECK(find().name == "run");
  test::write_file(folder.file("walk_ema.safetensors"), "x");
  CHECK_THAT(error_of(find),
             ContainsSubstring("run_ema.safetensors, run_raw.safetensors, walk_ema.safetensors"));
  CHECK_THAT(error_of([] { checkpoint::find_gensbi_files("/nowhere/at/all", ""); }),
             ContainsSubstring("does not exist"));
}

TEST_CASE("weights of an unknown class and fluxsbi's own files are refused", "[checkpoint][gensbi]") {
  const test::TemporaryFolder folder;
  const auto load = [&](const std::string& key, const std::string& value) {
    const auto path = folder.file("a.safetensors");
    io::Safetensors content;
    content.arrays["a"] = zeros({2});
    content.metadata[key] = value;
    io::save_safetensors(path, content);
    return checkpoint::load_gensbi_export(path);
  };
  CHECK(load("model_class", "Flux1Joint").model == "flux1joint");
  CHECK(load("note", "").model.empty());
  CHECK_THAT(error_of([&] { load("model_class", "TarFlow"); }), ContainsSubstring("'TarFlow'"));
  CHECK_THAT(error_of([&] { load("fluxsbi.format", "model"); }), ContainsSubstring("no import"));
}

TEST_CASE("the tokens of both sides come from shapes, YAML and the user alike", "[checkpoint][gensbi]") {
  const io::Arrays tables{{obs_table, zeros({2, 4})},
                          {cond_table, zeros({5, 4})},
                          {"cond_in.kernel", zeros({3, 4})},
                          {"obs_in.kernel", zeros({2, 4})}};
  const auto shape = shape_of(tables);
  CHECK(shape.theta_dim == 2);
  CHECK(shape.x_dim == 5);
  CHECK(shape.theta_channels == 2);
  CHECK(shape.x_channels == 3);
  CHECK(shape_of(tables, "{obs_dim: 2, dim_cond: 5}", {2, 5}).x_dim == 5);
  CHECK(shape_of({{"condition_null", zeros({1, 6, 4})}}, "{}", {3, {}}).x_dim == 6);
  const auto by_user = shape_of({{"cond_in.bias", zeros({4})}}, "{in_channels: 2}", {3, 4});
  CHECK(by_user.theta_dim == 3);
  CHECK(by_user.theta_channels == 2);
  CHECK(by_user.x_channels == 1);
}

TEST_CASE("a joint model's tokens are split by either number", "[checkpoint][gensbi]") {
  const io::Arrays joint{{joint_table, zeros({4, 4})}, {"obs_in.kernel", zeros({2, 4})}};
  CHECK(shape_of(joint, "{}", {1, {}}).x_dim == 3);
  CHECK(shape_of(joint, "{}", {{}, 1}).theta_dim == 3);
  CHECK(shape_of(joint, "{}", {4, {}}).x_dim == 0);
  CHECK(shape_of(joint, "{context_in_dim: 7}", {1, {}}).x_channels == 2);
  CHECK(shape_of({{"embedding_net_id.embedding", zeros({6, 4})}}, "{dim_obs: 2}").x_dim == 4);
  CHECK(shape_of({}, "{joint_dim: 6}", {2, {}}).x_dim == 4);
}

TEST_CASE("numbers of tokens that are missing or contradict are named with their places",
          "[checkpoint][gensbi]") {
  const io::Arrays tables{{obs_table, zeros({2, 4})}, {cond_table, zeros({5, 4})}};
  const auto message = [](const io::Arrays& arrays, const std::string& model,
                          const checkpoint::GivenTokens& given) {
    return error_of([&] { shape_of(arrays, model, given); });
  };
  const auto both = message({}, "{}", {});
  CHECK_THAT(both, ContainsSubstring("--obs-dim N"));
  CHECK_THAT(both, ContainsSubstring("--cond-dim N"));
  CHECK_THAT(message({{joint_table, zeros({4, 4})}}, "{}", {}),
             ContainsSubstring("4 tokens together") && ContainsSubstring("--obs-dim N or --cond-dim M"));
  CHECK_THAT(message(tables, "{}", {3, {}}),
             ContainsSubstring("2 (a_ema.safetensors: " + obs_table + " [2, 4]) and 3 (--obs-dim)"));
  CHECK_THAT(message(tables, "{cond_dim: 4}", {}), ContainsSubstring("4 (a.yaml:1:19: model.cond_dim)"));
  CHECK_THAT(message({{joint_table, zeros({4, 4})}}, "{}", {3, 3}),
             ContainsSubstring("do not make the joint tokens 4"));
  CHECK_THAT(message({{joint_table, zeros({4, 4})}}, "{}", {5, {}}), ContainsSubstring("cond tokens -1"));
}
