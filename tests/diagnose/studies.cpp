// The studies of docs/diagnostics.md, which take minutes: they are hidden and run by scripts/studies/power.py
// and scripts/studies/peer_diagnostics.py.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "core/parallel.hpp"
#include "core/registry.hpp"
#include "diagnose/finding_json.hpp"
#include "diagnose/lc2st.hpp"
#include "diagnose/pair_rows.hpp"
#include "diagnose/ranks.hpp"
#include "diagnose/tarp.hpp"
#include "diagnose/tests.hpp"
#include "diagnose/toy.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using namespace fluxsbi::diagnose;

namespace {

constexpr double level = 0.01;
// Those that look at pairs alone.
const std::vector<std::string> averaged_tests = {"sbc",     "coverage", "tarp", "data_averaged",
                                                 "regions", "lc2st",    "hpd"};

std::vector<Finding> findings_of(const std::string& name, const Evidence& evidence, uint64_t seed) {
  TestOptions options;
  options.seed = seed;
  options.threads = 1;
  return core::row_named(tests(), name, "unknown test ").run(evidence, options);
}

// lc2st trains four times more to say what it would have seen, which its verdict does not need.
bool fails_overall(const Evidence& evidence, uint64_t seed) {
  PairRowOptions options;
  options.seed = seed;
  return learned_rank(make_pair_rows(evidence, options, "lc2st"), seed).p_value <= level;
}

bool fails_test(const std::string& name, const Evidence& evidence, uint64_t seed) {
  if (name == "lc2st") return fails_overall(evidence, seed);
  std::vector<Finding> findings = findings_of(name, evidence, seed);
  judge(findings, level);
  return any_failed(findings);
}

// A folder that the study's script names; the case is skipped without.
std::string folder_of(const char* variable) {
  const char* folder = std::getenv(variable);
  if (folder == nullptr) SKIP("set " << variable << " to a folder");
  return folder;
}

// What the remembered training data of the Gaussian toy are.
data::Reference reference_of(const Evidence& training) {
  data::Reference reference;
  const double sd = std::sqrt(1.5);
  reference.mean = reference.median = {0, 0};
  reference.deviation = reference.spread = {sd, sd};
  reference.low = {-5, -5};
  reference.high = {5, 5};
  for (const double value : training.x) reference.rows.push_back(static_cast<float>(std::asinh(value / sd)));
  return reference;
}

Evidence complete_evidence(const test::Fault& fault, bool far) {
  Evidence evidence = test::make_evidence(fault, {2000, 200, 100, 1, 500}, 2);
  evidence.reference = reference_of(test::make_evidence(fault, {256, 1, 0}, 3));
  Observation& observation = evidence.observations[0];
  observation.name = "x_o";
  observation.draws_coarse = observation.draws_fine = observation.theta;
  observation.evaluations = 10;
  core::Philox random(1, core::Purpose::test, 5);
  for (double& value : observation.draws_fine) value += (far ? 0.1 : 0.01) * random.normal();
  if (far) observation.x = {4.5, -3};
  return evidence;
}

// What a picture of a failing test is of.
test::Fault fault_for(std::string_view test, bool wrong) {
  if (test == "regions")
    return {"", test::Toy::box, wrong ? test::Wrong::ignored_prior : test::Wrong::nothing, 0};
  if (!wrong) return test::faults()[0];
  if (test == "data_averaged" || test == "lc2st") return {"", test::Toy::gaussian, test::Wrong::shift, 0.5};
  if (test == "sharpness") return {"", test::Toy::gaussian, test::Wrong::prior, 0};
  return {"", test::Toy::gaussian, test::Wrong::width, 0.8};
}

}  // namespace

TEST_CASE("power of the tests of a posterior", "[.][power]") {
  const std::string folder = folder_of("FLUXSBI_POWER");
  constexpr int seeds = 20;
  std::ofstream table(folder + "/power.csv");
  table << "test,fault,pairs,seeds,failed" << std::endl;
  for (const int64_t pairs : {100, 300, 1000, 2000}) {
    for (const test::Fault& fault : test::faults()) {
      std::vector<Evidence> evidence;
      for (uint64_t seed = 1; seed <= seeds; ++seed)
        evidence.push_back(test::make_evidence(fault, {pairs, 200, 100}, seed));
      for (const std::string& name : averaged_tests) {
        std::vector<uint8_t> failed(seeds);
        core::for_each_in_parallel(seeds, 0, [&](int64_t k) {
          const auto index = static_cast<size_t>(k);
          failed[index] = fails_test(name, evidence[index], index + 1);
        });
        int64_t count = 0;
        for (const uint8_t one : failed) count += one;
        table << name << ',' << fault.name << ',' << pairs << ',' << seeds << ',' << count << std::endl;
      }
    }
  }
  CHECK(table.good());
}

TEST_CASE("false alarms over 200 seeds", "[.][power]") {
  const std::string folder = folder_of("FLUXSBI_POWER");
  constexpr int seeds = 200;
  std::ofstream table(folder + "/alarms.csv");
  table << "posterior,test,seeds,alarms_at_0.1,alarms_at_0.01" << std::endl;
  const char* wanted = std::getenv("FLUXSBI_POWER_OF");  // one of them; not set: all
  for (const std::string posterior :
       {"gaussian toy", "two_moons", "gaussian_linear", "gaussian_mixture", "slcp"}) {
    if (wanted != nullptr && posterior != wanted) continue;
    const bool toy = posterior == "gaussian toy";
    std::vector<std::vector<std::vector<Finding>>> found(seeds);
    core::for_each_in_parallel(seeds, 0, [&](int64_t k) {
      const auto seed = static_cast<uint64_t>(k + 1);
      const Evidence evidence = toy ? test::make_evidence(test::faults()[0], {200, 80, 80}, seed)
                                    : test::make_task_evidence(posterior, 200, 80, seed);
      for (const std::string& name : averaged_tests) {
        const bool can = name != "hpd" || toy;
        found[static_cast<size_t>(k)].push_back(can ? findings_of(name, evidence, seed)
                                                    : std::vector<Finding>());
      }
    });
    const auto alarms = [&](size_t first, size_t last, double at) {
      int64_t count = 0;
      for (const auto& of_seed : found) {
        std::vector<Finding> all;
        for (size_t k = first; k < last; ++k) all.insert(all.end(), of_seed[k].begin(), of_seed[k].end());
        judge(all, at);
        count += any_failed(all);
      }
      return count;
    };
    for (size_t k = 0; k <= averaged_tests.size(); ++k) {
      const bool whole = k == averaged_tests.size();
      if (!whole && found[0][k].empty()) continue;
      const size_t first = whole ? 0 : k, last = whole ? k : k + 1;
      table << posterior << ',' << (whole ? "all together" : averaged_tests[k]) << ',' << seeds << ','
            << alarms(first, last, 0.1) << ',' << alarms(first, last, 0.01) << std::endl;
    }
  }
  CHECK(table.good());
}

// At one x_o, where the faults are, of pairs everywhere. A hundred trainings a set are what lc2st costs
// there.
TEST_CASE("power of the local tests at an observation", "[.][power]") {
  const std::string folder = folder_of("FLUXSBI_POWER");
  const std::vector<double> x = {0.9, 0.9};
  constexpr int64_t seeds = 20;
  std::ofstream table(folder + "/local.csv");
  table << "test,fault,pairs,seeds,failed" << std::endl;
  const std::vector<test::Fault> all = test::faults();
  for (const std::string name : {"regions", "lc2st"}) {
    for (const int64_t pairs : {300, 1000, 2000}) {
      if (name == "lc2st" && pairs > 1000) continue;
      for (const size_t number : {0, 2, 3, 4, 5, 6, 7, 8, 9}) {
        std::vector<uint8_t> failed(seeds);
        core::for_each_in_parallel(seeds, 0, [&](int64_t k) {
          const auto seed = static_cast<uint64_t>(k + 1);
          const Evidence evidence = test::make_evidence_at(all[number], {pairs, 200, 0, 1, 500}, seed, x);
          failed[static_cast<size_t>(k)] = *findings_of(name, evidence, seed)[1].p_value <= level;
        });
        table << name << ',' << all[number].name << ',' << pairs << ',' << seeds << ','
              << std::count(failed.begin(), failed.end(), uint8_t{1}) << std::endl;
      }
    }
  }
  CHECK(table.good());
}

// 200 seeds scatter: of lc2st there are more.
TEST_CASE("false alarms of the classifier over 2,000 seeds", "[.][power]") {
  const std::string folder = folder_of("FLUXSBI_POWER");
  constexpr int64_t seeds = 2000;
  std::vector<double> p_values(seeds);
  core::for_each_in_parallel(seeds, 0, [&](int64_t k) {
    PairRowOptions options;
    options.seed = static_cast<uint64_t>(k + 1);
    const Evidence evidence = test::make_evidence(test::faults()[0], {200, 80, 0}, options.seed);
    p_values[static_cast<size_t>(k)] =
        learned_rank(make_pair_rows(evidence, options, "lc2st"), options.seed).p_value;
  });
  const auto alarms = [&](double at) {
    return std::count_if(p_values.begin(), p_values.end(), [at](double p) { return p <= at; });
  };
  std::ofstream table(folder + "/classifier.csv");
  table << "seeds,alarms_at_0.1,alarms_at_0.01\n"
        << seeds << ',' << alarms(0.1) << ',' << alarms(0.01) << '\n';
  CHECK(table.good());
}

TEST_CASE("graphs of a pass and of a fail of each test", "[.][power]") {
  const std::string folder = folder_of("FLUXSBI_POWER");
  for (const bool wrong : {false, true}) {
    std::vector<Finding> all;
    for (const TestRow& row : tests()) {
      const bool far = wrong && row.needs.observation;
      Evidence evidence = complete_evidence(fault_for(row.name, wrong), far);
      evidence.loss_steps = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
      for (const double step : evidence.loss_steps)
        evidence.losses.push_back(wrong ? 3 - 0.1 * step : 1 + std::exp(-step));
      evidence.prior_known = true;
      if (wrong && row.name == "prior")
        for (double& value : evidence.prior) value += 0.5;
      std::vector<Finding> found = row.run(evidence, {});
      all.insert(all.end(), found.begin(), found.end());
    }
    judge(all, level);
    io::write_text(folder + (wrong ? "/fail.json" : "/pass.json"), to_json(all));
  }
}

// pairs.npz: theta [N, d], x [N, x_dim], samples [N, L, d], references [N, d], x_o [x_dim], theta_o [M, d].
TEST_CASE("the same draws as in other programs", "[.][peers]") {
  const std::string folder = folder_of("FLUXSBI_PEERS");
  const io::Arrays arrays = io::load_arrays(folder + "/pairs.npz").arrays;
  const auto values = [&](const char* key) { return arrays.at(key).to_double(); };
  Evidence evidence;
  const std::vector<int64_t>& shape = arrays.at("samples").shape;
  evidence.pairs = shape[0];
  evidence.draws = shape[1];
  for (int64_t j = 0; j < shape[2]; ++j) evidence.names.push_back("theta_" + std::to_string(j));
  for (int64_t i = 0; i < arrays.at("x").shape[1]; ++i) evidence.x_names.push_back("x_" + std::to_string(i));
  evidence.theta = values("theta");
  evidence.x = values("x");
  evidence.samples = values("samples");
  Observation& observation = evidence.observations.emplace_back();
  observation.x = values("x_o");
  observation.theta = values("theta_o");
  observation.draws = std::ssize(observation.theta) / shape[2];

  std::vector<int64_t> ranks;
  for (int64_t j = 0; j < shape[2]; ++j) {
    for (const Rank& rank : ranks_of_variable(evidence, j, 1)) ranks.push_back(rank.below);
  }
  const std::vector<double> pits = tarp_pits(evidence, values("references"), 1, 0);
  std::vector<double> lc2st;
  for (uint64_t seed = 1; seed <= 10; ++seed) lc2st.push_back(lc2st_statistics(evidence, false, seed)[0]);
  io::Arrays result;
  result.emplace("ranks", io::Array::from(std::span<const int64_t>(ranks), {shape[2], shape[0]}));
  result.emplace("tarp", io::Array::from(std::span<const double>(pits), {std::ssize(pits)}));
  result.emplace("lc2st", io::Array::from(std::span<const double>(lc2st), {std::ssize(lc2st)}));
  io::save_arrays(folder + "/fluxsbi.npz", result);
}
