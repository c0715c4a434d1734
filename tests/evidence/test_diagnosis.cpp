// A diagnosis from a model and a file of pairs to findings.
#include <algorithm>
#include <csignal>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "core/stop.hpp"
#include "evidence/diagnosis.hpp"
#include "evidence/kept_diagnosis.hpp"
#include "evidence/tiny_model.hpp"
#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using evidence::KeptDiagnosis;

namespace {

evidence::DiagnosisRequest request_in(const test::TemporaryFolder& folder, double shift) {
  core::log::set_level(core::log::Level::error);
  test::save_still_pairs(folder.file("pairs.npz"), test::still_pairs(300, shift, 3));
  evidence::DiagnosisRequest request;
  request.pairs.model = folder.path();
  request.pairs.data = folder.file("pairs.npz");
  request.pairs.folder = folder.file("diagnostics");
  request.gather.draws = 99;
  request.gather.density_draws = 19;
  request.observed.draws = 200;
  return request;
}

std::vector<std::string> failed_tests(const evidence::Diagnosis& diagnosis) {
  std::vector<std::string> names;
  for (const auto& finding : diagnosis.findings)
    if (finding.verdict == diagnose::Verdict::fail) names.push_back(finding.test);
  return names;
}

diagnose::Finding finding_of(const std::string& test) {
  diagnose::Finding finding;
  finding.test = test;
  finding.value = 1.0 / 3;
  finding.p_value = 1e-17;
  finding.meaning = "Wrong.";
  finding.meaning_of_pass = "Right.";
  finding.graphs.push_back({diagnose::Graph::Kind::lines,
                            "t",
                            "x",
                            "y",
                            {1, 2},
                            {{"c", {0.1, std::nan("")}}},
                            {},
                            {},
                            0.5,
                            false});
  return finding;
}

[[noreturn]] void stop_work() {
  throw core::Interrupted(SIGTERM, "stopped");
}

}  // namespace

TEST_CASE("a right model passes all tests, and one of shifted pairs fails those that see it", "[evidence]") {
  const test::TemporaryFolder folder;
  auto posterior = test::posterior_of(test::still_model());
  const auto right = evidence::diagnose_model(posterior, request_in(folder, 0));
  CHECK(failed_tests(right).empty());
  CHECK(right.left_out.size() == 3);  // inside, ppc and likelihood want an observation
  for (const std::string name :
       {"sbc", "coverage", "tarp", "data_averaged", "regions", "lc2st", "hpd", "solver"})
    CHECK(std::filesystem::exists(folder.file("diagnostics/" + name + ".json")));
  CHECK(io::load_arrays(folder.file("diagnostics/pit.npz")).arrays.at("pit").shape ==
        std::vector<int64_t>{300, 2});
  const auto names = io::load_arrays(folder.file("diagnostics/pit.npz")).arrays.at("names").bytes;
  const auto* text = reinterpret_cast<const char*>(names.data());
  CHECK(nlohmann::json::parse(text, text + names.size()) == nlohmann::json{"a", "b"});
  CHECK_FALSE(std::filesystem::exists(folder.file("diagnostics/unfinished.partial")));

  const auto shifted = evidence::diagnose_model(posterior, request_in(folder, 0.8));
  const auto failed = failed_tests(shifted);
  for (const std::string name : {"sbc", "coverage", "data_averaged", "regions", "lc2st"}) {
    CAPTURE(name);
    CHECK(std::find(failed.begin(), failed.end(), name) != failed.end());
  }
  for (const auto& finding : shifted.findings) {
    if (finding.variable == "b") CHECK(finding.verdict != diagnose::Verdict::fail);
  }
}

TEST_CASE("a test of which nothing is there is refused by name and left out otherwise", "[evidence]") {
  const test::TemporaryFolder folder;
  auto posterior = test::posterior_of(test::still_model());
  auto request = request_in(folder, 0);
  const auto refusal = [&](const std::string& test) {
    request.tests = {test};
    return test::error_of([&] { evidence::diagnose_model(posterior, request); });
  };
  CHECK_THAT(refusal("ppc"), ContainsSubstring("needs an observation; name one with --x FILE"));
  CHECK_THAT(refusal("lcst"), ContainsSubstring("did you mean 'lc2st'?"));
  CHECK_THAT(refusal("prior"), ContainsSubstring("prior needs a model whose prior can be drawn from"));
  io::save_arrays(folder.file("x.npz"),
                  {{"x", io::Array::from(std::span<const double>(std::vector<double>{0, 0, 0}), {1, 3})}});
  request.x = folder.file("x.npz");
  CHECK_THAT(refusal("ppc"), ContainsSubstring("names none; set simulator.command"));
  request.tests.clear();
  const auto made = evidence::diagnose_model(posterior, request);
  REQUIRE(made.left_out.size() == 2);
  CHECK_THAT(made.left_out[0], ContainsSubstring("ppc needs the simulator"));
  CHECK_THAT(made.left_out[1], ContainsSubstring("likelihood needs a likelihood"));
  // The observation is judged by what does not need the simulator.
  const auto local = std::count_if(made.findings.begin(), made.findings.end(), [](const auto& finding) {
    return finding.statistic.find("x.npz, row 0") != std::string::npos;
  });
  CHECK(local >= 3);  // regions, lc2st, solver
}

TEST_CASE("findings of a stopped diagnosis are taken again bit by bit, those of another work are not",
          "[evidence]") {
  const test::TemporaryFolder folder;
  core::log::set_level(core::log::Level::error);
  auto posterior = test::posterior_of(test::still_model());
  experiment::WorkDescription work("diagnose", posterior), other("diagnose", posterior);
  work.add("seed", "1");
  other.add("seed", "2");
  const std::vector<diagnose::Finding> made = {finding_of("sbc"), finding_of("sbc")};
  {
    KeptDiagnosis kept(posterior, folder.path(), work);
    CHECK_FALSE(kept.resumed());
    kept.findings("sbc", [&] { return made; });
    CHECK_THROWS_AS(kept.run([] { stop_work(); }), core::Stopped);
  }
  int64_t again = 0;
  const auto make = [&] {
    ++again;
    return std::vector<diagnose::Finding>{finding_of("tarp")};
  };
  {
    KeptDiagnosis kept(posterior, folder.path(), work);
    CHECK(kept.resumed());
    const auto taken = kept.findings("sbc", make);
    CHECK(again == 0);
    REQUIRE(taken.size() == 2);
    CHECK(taken[0].value == made[0].value);
    CHECK(taken[0].p_value == made[0].p_value);
    CHECK(taken[0].meaning_of_pass == "Right.");
    CHECK(taken[1].graphs[0].curves[0].y[0] == 0.1);
    // A signal before anything else was finished: started again, it would stop here for ever.
    CHECK_THROWS_AS(kept.run([] { stop_work(); }), core::Interrupted);
    kept.findings("tarp", make);
    CHECK(again == 1);
    CHECK_THROWS_AS(kept.run([] { stop_work(); }), core::Stopped);
  }
  {
    KeptDiagnosis kept(posterior, folder.path(), work);
    CHECK(kept.findings("sbc", make).size() == 2);
    CHECK(kept.findings("tarp", make).size() == 1);
    CHECK(again == 1);
  }
  {
    KeptDiagnosis kept(posterior, folder.path(), other);
    CHECK_FALSE(kept.resumed());
    kept.findings("sbc", make);
    CHECK(again == 2);
    kept.finish();
  }
  CHECK_FALSE(std::filesystem::exists(folder.file("unfinished.partial")));
}
