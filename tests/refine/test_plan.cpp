// What is wrong with a refinement is said before it simulates.
#include <filesystem>
#include <string>
#include <vector>

#include <catch2/generators/catch_generators.hpp>

#include "core/log.hpp"
#include "core/philox.hpp"
#include "data/simulate/simulation_file.hpp"
#include "data/tasks/task.hpp"
#include "io/files.hpp"
#include "refine/refinement.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::error_of;
using test::TemporaryFolder;
using test::write_file;

namespace {

struct Asked {
  TemporaryFolder folder;
  refine::RefinementRequest request;

  Asked() {
    core::log::set_level(core::log::Level::error);
    write_file(folder.file("x.csv"), "x_0,x_1\n0.1,0.2\n");
    write_file(folder.file("mine.yaml"),
               "simulator: {command: \"awk -F, 'NR > 1 { print $1, $2 }'\", deterministic: true}\n"
               "prior: {kind: box, low: [0, 0], high: [1, 1]}\n");
    request.subject = folder.file("mine.yaml");
    request.x = folder.file("x.csv");
    request.folder = folder.file("out");
    request.execution = {"cpu", "auto"};
  }

  std::string problem() {
    return error_of([this] { refine::refine(request); });
  }
  void set(const std::string& assignment) { request.assignments.push_back(assignment); }
  bool wrote() const { return std::filesystem::exists(request.folder + "/rounds"); }
};

}  // namespace

TEST_CASE("a refinement's numbers have ranges", "[refine][plan]") {
  Asked asked;
  const auto number = GENERATE(0, 1, 2, 3);
  if (number == 0) asked.request.rounds = 0;
  if (number == 1) asked.request.simulations = 99;
  if (number == 2) asked.request.epsilon = 0;
  if (number == 3) asked.request.epsilon = 0.2;
  const std::string names[] = {"--rounds 0", "--simulations 99", "--epsilon 0:", "--epsilon 0.2"};
  CHECK_THAT(asked.problem(), ContainsSubstring(names[number]) && ContainsSubstring("must be"));
  CHECK_FALSE(asked.wrote());
}

TEST_CASE("a refinement needs a simulator and a prior that can be drawn from", "[refine][plan]") {
  Asked asked;
  SECTION("no simulator") {
    write_file(asked.request.subject,
               "prior: {kind: box, low: [0, 0], high: [1, 1]}\n"
               "data: {file: rows.npz}\n");
    CHECK_THAT(asked.problem(), ContainsSubstring("mine.yaml") && ContainsSubstring("simulator.command="));
  }
  SECTION("two") {
    asked.request.task = "two_moons";
    CHECK_THAT(asked.problem(), ContainsSubstring("data.task and simulator.command"));
  }
  SECTION("no prior") {
    write_file(asked.request.subject, "simulator: {command: cat}\n");
    CHECK_THAT(asked.problem(),
               ContainsSubstring("prior.kind = none") && ContainsSubstring("docs/priors.md"));
  }
  SECTION("a prior without density") {
    asked.set("prior.kind=custom");
    CHECK_THAT(asked.problem(), ContainsSubstring("prior.kind = custom"));
  }
  SECTION("another prior than the task's") {
    asked.request.task = "two_moons";
    asked.set("simulator.command=null");
    CHECK_THAT(asked.problem(), ContainsSubstring("two_moons draws from a prior of its own"));
  }
  SECTION("nothing at all") {
    asked.request.subject.clear();
    CHECK_THAT(asked.problem(), ContainsSubstring("nothing to refine"));
  }
  CHECK_FALSE(asked.wrote());
}

TEST_CASE("a refinement is for one observation of the simulator's size", "[refine][plan]") {
  Asked asked;
  SECTION("two rows") {
    write_file(asked.request.x, "x_0,x_1\n0.1,0.2\n0.3,0.4\n");
    CHECK_THAT(asked.problem(), ContainsSubstring("2 observations") && ContainsSubstring("for one"));
  }
  SECTION("another size") {
    write_file(asked.request.x, "x_0\n0.1\n");
    CHECK_THAT(asked.problem(), ContainsSubstring("x.csv"));
  }
  SECTION("not a number") {
    write_file(asked.request.x, "x_0,x_1\n0.1,nan\n");
    CHECK_THAT(asked.problem(), ContainsSubstring("x.csv"));
  }
  SECTION("no file") {
    asked.request.x = asked.folder.file("none.csv");
    CHECK_THAT(asked.problem(), ContainsSubstring("none.csv: there is no such file"));
  }
  CHECK_FALSE(asked.wrote());
}

TEST_CASE("each round of a refinement is one model, in a folder of its own", "[refine][plan]") {
  Asked asked;
  SECTION("a name that does not exist") {
    asked.set("training.nstep=3");
    CHECK_THAT(asked.problem(), ContainsSubstring("nsteps"));
  }
  SECTION("a folder that holds a run") {
    std::filesystem::create_directory(asked.request.folder);
    write_file(asked.request.folder + "/config.yaml", "{}\n");
    CHECK_THAT(asked.problem(), ContainsSubstring("holds a run already"));
  }
  SECTION("a folder that is no run, in place of a config") {
    asked.request.subject = asked.folder.path();
    CHECK_THAT(asked.problem(), ContainsSubstring("is not a run folder"));
  }
  CHECK_FALSE(asked.wrote());
}

TEST_CASE("rows of a region know no shifts, whose parameters stand by themselves", "[refine][plan]") {
  Asked asked;
  const auto symmetries = [&](const std::string& named) {
    asked.request.assignments = {"data.symmetries=" + named};
    return refine::make_plan(asked.request)
        .training_document("rows.npz", /*of_prior=*/true)
        .find("data")
        ->find("symmetries")
        ->scalar;
  };
  CHECK(symmetries("'exchange x_0, x_1;shift theta_0 x_0'") == "exchange x_0, x_1");
  CHECK(symmetries("shift theta_0 x_0") == "none");
  CHECK(symmetries("exchange x_0, x_1") == "exchange x_0, x_1");
}

TEST_CASE("every built-in task can be refined: its prior and shape are told to trainings on files",
          "[refine][plan]") {
  core::log::set_level(core::log::Level::error);
  const TemporaryFolder folder;
  for (const auto& row : data::tasks()) {
    INFO(row.name);
    const auto task = row.make();
    std::vector<double> theta(static_cast<size_t>(task->theta_dim())), x(static_cast<size_t>(task->x_dim()));
    core::Philox random(3, core::Purpose::test);
    task->prior().sample(random, theta);
    task->simulate(theta, random, x);
    data::Simulations one{1, task->theta_dim(), task->x_dim(), theta, x, {0}, task->x_shape()};
    data::save_simulations(folder.file("one.npz"), one, false, {}, {});
    refine::RefinementRequest request;
    request.task = row.name;
    request.x = folder.file("one.npz");
    request.folder = folder.file("out");
    const refine::RefinementPlan plan = refine::make_plan(request);
    CHECK(std::ssize(plan.x) == task->x_dim());
    CHECK(plan.by_recipe);
    const config::Value document = plan.training_document("rows.npz", /*of_prior=*/true);
    CHECK(document.find("prior") != nullptr);
    CHECK(document.find("data")->find("task")->kind == config::Value::Kind::null);
  }
}

TEST_CASE(
    "the support alone takes the prior's place where rows are a mixture, unless a dirichlet bounds itself",
    "[refine][plan]") {
  Asked asked;
  const auto prior_of = [&](bool of_prior) {
    return *refine::make_plan(asked.request).training_document("rows.npz", of_prior).find("prior");
  };
  const auto kind_of = [&] {
    const config::Value prior = prior_of(false);
    const config::Value* kind = prior.find("kind");
    return kind ? kind->scalar : std::string("parameters");
  };
  CHECK(prior_of(true).find("kind")->scalar == "box");
  CHECK(kind_of() == "custom");
  for (const auto& [name, end] : {std::pair{"low", "0"}, std::pair{"high", "1"}}) {
    INFO(name);
    const config::Value prior = prior_of(false);
    REQUIRE(prior.find(name)->list.size() == 2);
    CHECK(prior.find(name)->list[1].scalar == end);
  }
  write_file(asked.request.subject,
             "simulator: {command: \"awk -F, 'NR > 1 { print $1, $2 }'\", deterministic: true}\n"
             "prior: {parameters: {shares: {kind: dirichlet, names: [a, b], concentration: [2, 1, 3]}}}\n");
  CHECK(kind_of() == "parameters");
}
