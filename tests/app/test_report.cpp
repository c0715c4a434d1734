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
  CHECK(holds(read_page(page), "holds no metrics.jsonl"));
  CHECK_FALSE(holds(read_page(page), "posterior (200 draws)"));
}

}  // namespace
}  // namespace fluxsbi::test
