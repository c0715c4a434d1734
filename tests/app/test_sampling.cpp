#include <algorithm>
#include <cmath>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "app/expect.hpp"
#include "app/program.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

// Batched float32 products of other sizes round differently; 80 network evaluations carry that on.
constexpr float chunk_tolerance = 1e-4f;

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST_CASE("chunks of 1, 7 and all, and three shards merged, give the same samples", "[app][sample]") {
  const std::string solver = GENERATE("auto", "zero_ends");  // without and with noise on the way
  CAPTURE(solver);
  const TemporaryFolder folder;
  io::write_text(folder.file("tiny.yaml"), tiny_config());
  REQUIRE(
      run({"train", folder.file("tiny.yaml"), "-o", folder.file("run"), "-q", "--set", "training.nsteps=100"})
          .code == 0);
  REQUIRE(run({"simulate", "two_moons", "-n", "5", "--seed", "3", "-o", folder.file("x.npz")}).code == 0);
  const auto sample = [&](const std::string& out, std::vector<std::string> extra) {
    std::vector<std::string> words{"sample",   folder.file("run"),
                                   "--x",      folder.file("x.npz"),
                                   "-n",       "6",
                                   "--seed",   "11",
                                   "-o",       folder.file(out),
                                   "--solver", solver,
                                   "--steps",  "20"};
    words.insert(words.end(), extra.begin(), extra.end());
    const Outcome outcome = run(words);
    INFO(outcome.output);
    REQUIRE(outcome.code == 0);
  };
  sample("all.npz", {});
  sample("one.npz", {"--chunk", "1"});
  sample("seven.npz", {"--chunk", "7"});
  for (const std::string i : {"0", "1", "2"}) sample("shard" + i + ".npz", {"--shard", i + "/3"});
  REQUIRE(run({"merge", folder.file("shard2.npz"), folder.file("shard0.npz"), folder.file("shard1.npz"), "-o",
               folder.file("merged.npz")})
              .code == 0);

  const auto all = samples_in(folder.file("all.npz"));
  REQUIRE(all.size() == 5 * 6 * 2);
  CHECK(largest_difference(all, samples_in(folder.file("one.npz"))) < chunk_tolerance);
  CHECK(largest_difference(all, samples_in(folder.file("seven.npz"))) < chunk_tolerance);
  CHECK(largest_difference(all, samples_in(folder.file("merged.npz"))) < chunk_tolerance);

  const Outcome missing =
      run({"merge", folder.file("shard0.npz"), folder.file("shard2.npz"), "-o", folder.file("half.npz")});
  REQUIRE(missing.code == 1);
  REQUIRE(missing.output.find("are in none of the files") != std::string::npos);
}

}  // namespace
}  // namespace fluxsbi::test
