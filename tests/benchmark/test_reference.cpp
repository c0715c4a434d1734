#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "benchmark/reference.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

namespace fluxsbi::benchmark {
namespace {

namespace fs = std::filesystem;
using test::error_of;

void save(const std::string& path, std::vector<int64_t> shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  fs::create_directories(fs::path(path).parent_path());
  io::save_arrays(path, {{"array", io::Array::from(std::span<const float>(values), std::move(shape))}});
}

TEST_CASE("a reference folder gives observations and the files of their draws", "[benchmark][reference]") {
  const test::TemporaryFolder folder;
  const std::string task = folder.file("two_moons/");
  fs::create_directories(task + "num_observation_1");
  test::write_file(task + "num_observation_1/observation.csv", "data_1,data_2\n0.5,-0.25\n");
  save(task + "num_observation_1/reference_posterior_samples.npy", {20, 2});
  const ReferenceFolder reference(folder.path());
  REQUIRE(reference.has("two_moons"));
  REQUIRE_FALSE(reference.has("slcp"));
  REQUIRE(reference.observations("two_moons", 1, 2) == std::vector<double>{0.5, -0.25});
  REQUIRE(reference.posterior("two_moons", 1, 2) ==
          task + "num_observation_1/reference_posterior_samples.npy");

  CHECK(error_of([&] { reference.observations("two_moons", 2, 2); }).find("num_observation_2") !=
        std::string::npos);
  CHECK(error_of([&] { reference.observations("two_moons", 1, 3); }).find("an observation has 3") !=
        std::string::npos);
  CHECK(error_of([&] { reference.posterior("two_moons", 1, 5); }).find("[n, 5]") != std::string::npos);
  fs::create_directories(task + "num_observation_2");
  test::write_file(task + "num_observation_2/reference_posterior_samples.csv.bz2", "BZ");
  CHECK(error_of([&] { reference.posterior("two_moons", 2, 2); }).find("bunzip2") != std::string::npos);
  CHECK(error_of([&] { ReferenceFolder(folder.file("nowhere")); }).find("--reference") != std::string::npos);
}

TEST_CASE("tasks that are another one seen otherwise take its draws", "[benchmark][reference]") {
  const test::TemporaryFolder folder;
  save(folder.file("slcp/observations_distractors.npy"), {10, 100});
  save(folder.file("slcp/num_observation_3/reference_posterior_samples.npy"), {20, 5});
  const ReferenceFolder reference(folder.path());
  REQUIRE(reference.has("slcp_distractors"));
  REQUIRE_FALSE(reference.has("bernoulli_glm_raw"));
  const auto x = reference.observations("slcp_distractors", 3, 100);
  REQUIRE(x.size() == 300);
  REQUIRE(x[299] == 299);
  REQUIRE(reference.posterior("slcp_distractors", 3, 5)
              .ends_with("slcp/num_observation_3/reference_posterior_samples.npy"));
}

}  // namespace
}  // namespace fluxsbi::benchmark
