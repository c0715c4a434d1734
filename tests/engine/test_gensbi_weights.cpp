#include <algorithm>
#include <cmath>

#include "engine/gensbi_weights.hpp"
#include "engine/weights.hpp"
#include "model/blocks/time_embedding.hpp"
#include "model/gensbi_layout.hpp"
#include "model/small_flux1.hpp"
#include "support/catch.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr int64_t table_length = 300;
const std::string obs_table = "obs_ids_embedder.embedder.embed.embedding",
                  cond_table = "cond_ids_embedder.embedder.pe";

std::shared_ptr<model::Flux1> network() {
  return model::random_flux1(model::small_shape(model::IdStrategy::absolute, model::IdStrategy::pos1d));
}

// What GenSBI's export of the network holds.
io::Arrays exported(const model::Network& network) {
  io::Arrays arrays;
  const auto parameters = network.named_parameters();
  for (const auto& entry : model::gensbi_layout(network)) {
    arrays[entry.path] = engine::to_array(model::to_gensbi(entry, parameters[entry.name]));
  }
  for (const auto& table : model::gensbi_tables(network)) {
    arrays[table.path] = engine::to_array(model::position_table(table_length, table.width));
  }
  return arrays;
}

std::string error_of(const model::Network& network, const io::Arrays& arrays) {
  return test::error_of([&] { engine::weights_from_gensbi(network, arrays, "a.safetensors"); });
}

}  // namespace

TEST_CASE("a network's weights come back from GenSBI's layout", "[engine][gensbi]") {
  const auto model = network();
  const auto arrays = exported(*model);
  REQUIRE(arrays.count(cond_table) == 1);
  const auto weights = engine::weights_from_gensbi(*model, arrays, "a.safetensors");
  const auto parameters = model->named_parameters();
  CHECK(weights.size() == parameters.size());
  for (const auto& item : parameters) {
    INFO(item.key());
    CHECK(at::equal(engine::to_tensor(weights.at(item.key())), item.value()));
  }
}

TEST_CASE("an export of doubles is read, and one without its fixed tables", "[engine][gensbi]") {
  const auto model = network();
  auto arrays = exported(*model);
  for (auto& [path, array] : arrays) {
    const auto values = array.to_double();
    array = io::Array::from(std::span<const double>(values), array.shape);
  }
  arrays.erase(cond_table);
  CHECK(engine::weights_from_gensbi(*model, arrays, "a.safetensors").size() ==
        model->named_parameters().size());
}

TEST_CASE("everything that does not fit is listed at once, with found and expected shape",
          "[engine][gensbi]") {
  const auto model = network();
  auto arrays = exported(*model);
  arrays.erase(obs_table);
  arrays["cond_in.kernel"].shape = {12, 1};
  arrays["single_blocks.layers.7.linear1.bias"] = arrays["obs_in.bias"];
  const std::string error = error_of(*model, arrays);
  CHECK_THAT(error, ContainsSubstring("a.safetensors: " + obs_table + " is missing; expected [2, 12]"));
  CHECK_THAT(error, ContainsSubstring("cond_in.kernel has shape [12, 1], expected [1, 12]"));
  CHECK_THAT(error, ContainsSubstring("single_blocks.layers.7.linear1.bias [12] is left over"));
  CHECK(std::count(error.begin(), error.end(), '\n') == 2);
}

TEST_CASE("weights that are no numbers of a network are refused", "[engine][gensbi]") {
  const auto model = network();
  auto arrays = exported(*model);
  const std::vector<int64_t> whole(12, 1);
  arrays["obs_in.bias"] = io::Array::from(std::span<const int64_t>(whole), {12});
  const std::vector<float> hole(12, NAN);
  arrays["cond_in.bias"] = io::Array::from(std::span<const float>(hole), {12});
  const std::string error = error_of(*model, arrays);
  CHECK_THAT(error, ContainsSubstring("obs_in.bias holds int64 numbers"));
  CHECK_THAT(error, ContainsSubstring("cond_in.bias holds a value that is not finite"));
}

TEST_CASE("a fixed table of another kind is refused", "[engine][gensbi]") {
  const auto model = network();
  auto arrays = exported(*model);
  arrays[cond_table] = engine::to_array(model::position_table(table_length, 12) + 0.01);
  CHECK_THAT(error_of(*model, arrays), ContainsSubstring(cond_table + " is not the sinusoidal table"));
  arrays[cond_table] = engine::to_array(model::position_table(table_length, 10));
  CHECK_THAT(error_of(*model, arrays), ContainsSubstring("expected [3 or more, 12]"));
  const auto rotary =
      model::random_flux1(model::small_shape(model::IdStrategy::absolute, model::IdStrategy::rope1d));
  auto with_table = exported(*rotary);
  with_table[cond_table] = engine::to_array(model::position_table(table_length, 12));
  CHECK_THAT(error_of(*rotary, with_table), ContainsSubstring(cond_table + " [300, 12] is left over"));
}
