// The report of a run, as a user makes it.
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "app/expect.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::test {
namespace {

std::string read_page(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST_CASE("a report of a trained run shows its posterior, and mistakes are refused before it is written",
          "[app][report]") {
  const TemporaryFolder folder;
  const auto file = [&](const std::string& name) { return folder.file(name); };
  { std::ofstream(file("c.yaml")) << tiny_config(); }
  const std::string run_folder = file("a run"), page = file("report.html");
  succeed({"train", file("c.yaml"), "-o", run_folder, "-q", "--set", "training.nsteps=4",
           "training.log_every=2"});
  succeed({"simulate", "two_moons", "-n", "2", "-o", file("observed.npz")});
  succeed({"sample", run_folder, "--x", file("observed.npz"), "-n", "200", "-o", file("s.npz")});

  refuses({"report", file("nowhere"), "-o", page}, "does not exist");
  refuses({"report", folder.path(), "-o", page}, "is not a run folder");
  refuses({"report", run_folder, "-o", file("report.pdf")}, ".html");
  refuses({"report", run_folder, "--truth", "1,2", "-o", page}, "give its samples by --samples");
  refuses({"report", run_folder, "--samples", file("s.npz"), "-o", page}, "--row (0..1)");
  refuses({"report", run_folder, "--samples", file("none.npz"), "-o", page}, "none.npz");
  refuses({"report", run_folder, "--samples", file("s.npz"), "--row", "0", "--truth", "1", "-o", page},
          "--truth has 1 number");
  CHECK_FALSE(std::filesystem::exists(page));

  succeed({"report", run_folder, "--samples", file("s.npz"), "--row", "1", "--truth", "0.5,-0.5", "--prior",
           file("observed.npz"), "-o", page});
  const std::string text = read_page(page);
  CHECK(holds(text, "posterior (200 draws)"));
  CHECK(holds(text, "No test has judged this posterior."));
  CHECK(holds(text, "Histogram of theta_0"));
  CHECK(holds(text, "condition_drop_rate"));
  CHECK_FALSE(holds(text, "http"));
  refuses({"report", run_folder, "-o", page}, "use --force");

  // A run that was stopped, without metrics.
  std::filesystem::remove(run_folder + "/model.safetensors");
  std::filesystem::remove(run_folder + "/metrics.jsonl");
  const std::string said = succeed({"report", run_folder, "-o", page, "--force"});
  CHECK(holds(said, "has not finished"));
  CHECK(holds(said, "It was stopped; fluxsbi resume"));
  CHECK(holds(read_page(page), "holds no metrics.jsonl"));
  CHECK_FALSE(holds(read_page(page), "posterior (200 draws)"));
}

TEST_CASE("the report of a run whose data are gone is made without them and says so", "[app][report]") {
  const TemporaryFolder folder;
  const auto file = [&](const std::string& name) { return folder.file(name); };
  { std::ofstream(file("c.yaml")) << tiny_config(); }
  const std::string run_folder = file("run"), page = file("report.html");
  succeed({"simulate", "two_moons", "-n", "300", "-o", file("pairs.npz")});
  succeed({"train", file("c.yaml"), "--data", file("pairs.npz"), "-o", run_folder, "-q", "--set",
           "training.nsteps=4", "--set", "data.task=null"});
  CHECK_FALSE(holds(succeed({"report", run_folder, "-o", page}), "not there any more"));
  std::filesystem::rename(file("pairs.npz"), file("elsewhere.npz"));
  const std::string said = succeed({"report", run_folder, "-o", page, "--force"});
  CHECK(holds(said, "pairs.npz are not there any more"));
  CHECK(holds(read_page(page), "pairs.npz are not there any more"));
  CHECK(holds(read_page(page), "Histogram of theta_0"));  // of what the training noted
  refuses({"diagnose", run_folder}, "pairs.npz: there is no such file");
  refuses({"resume", run_folder, "--steps", "8"}, "name their new place: fluxsbi resume");
  refuses({"check", run_folder + "/config.yaml"}, "pairs.npz");

  const std::vector<double> three(300, 0.5);
  io::save_arrays(file("three.npy"), {{"array", io::Array::from(std::span<const double>(three), {100, 3})}});
  succeed({"simulate", "two_moons", "-n", "1", "-o", file("observed.npz")});
  succeed({"sample", run_folder, "--x", file("observed.npz"), "-n", "200", "-o", file("s.npz"), "-q"});
  refuses(
      {"report", run_folder, "--samples", file("s.npz"), "--prior", file("three.npy"), "-o", page, "--force"},
      "three.npy holds draws of 3 numbers without names, but the posterior has 2");
}

}  // namespace
}  // namespace fluxsbi::test
