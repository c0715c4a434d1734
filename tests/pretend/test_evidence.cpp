// A diagnosis, and the files that commands write, on the pretend device.
#include <filesystem>

#include "core/log.hpp"
#include "evidence/diagnosis.hpp"
#include "evidence/tiny_model.hpp"
#include "experiment/open_posterior.hpp"
#include "pretend/models.hpp"
#include "pretend/on_device.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/threads.hpp"

namespace fluxsbi::test {
namespace {

TEST_CASE("a diagnosis on the pretend device finds what it finds on the CPU", "[pretend][evidence]") {
  const Threads one(1);
  const TemporaryFolder folder;
  core::log::set_level(core::log::Level::error);
  save_still_pairs(folder.file("pairs.npz"), still_pairs(40, 0.8, 3));
  const auto diagnose = [&](const std::string& device) {
    evidence::DiagnosisRequest request;
    request.pairs.model = folder.path();
    request.pairs.data = folder.file("pairs.npz");
    request.pairs.folder = folder.file(device);
    request.tests = {"sbc", "coverage", "hpd"};
    request.gather.draws = 19;
    request.gather.density_draws = 2;
    request.gather.density_steps = 2;
    auto posterior = posterior_on(device, still_model());
    return evidence::diagnose_model(posterior, request);
  };
  const auto here = diagnose("cpu"), there = diagnose("cuda");
  REQUIRE(here.findings.size() == there.findings.size());
  CHECK(here.findings.size() >= 3);
  for (size_t i = 0; i < here.findings.size(); ++i) {
    CAPTURE(here.findings[i].test);
    CHECK(here.findings[i].verdict == there.findings[i].verdict);
  }
}

}  // namespace
}  // namespace fluxsbi::test
