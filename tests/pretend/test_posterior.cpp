// Everything that a trained model answers, on the pretend device and on the CPU: the same operators on the
// same keyed noise, so that results agree to rounding.
#include <cmath>
#include <limits>

#include "pretend/models.hpp"
#include "pretend/on_device.hpp"
#include "sample/solver/solver.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"

namespace fluxsbi::test {
namespace {

constexpr int64_t rows = 3, draws = 7;
// float32 beside values near 5, through a few dozen evaluations.
constexpr double tolerance = 2e-5;
// Log-densities to the tolerance that dopri5 is asked for.
constexpr double density_tolerance = 1e-3;

// `answer` of the model on the CPU and on the device.
void same_answers(const checkpoint::ModelFile& file, double allowed,
                  const std::function<std::vector<double>(sample::Posterior&)>& answer) {
  const Threads one(1);  // the CPU then evaluates a batch as a whole, as the device does
  auto here = posterior_on("cpu", file), there = posterior_on("cuda", file);
  REQUIRE(there.engine().device() == pretend::device());
  const std::vector<double> expected = answer(here), found = answer(there);
  CHECK(!expected.empty());
  CHECK(largest_difference(found, expected) < allowed);
}

std::vector<double> drawn(sample::Posterior& posterior, const sample::SamplingOptions& options) {
  return posterior.sample(observations(rows), rows, draws, 11, 0, options).values;
}

TEST_CASE("every solver draws the CPU's samples on the pretend device", "[pretend][sampling]") {
  for (const std::string& method : all_methods) {
    const auto file = random_model(estimator_config("flux1", method));
    const auto path = posterior_on("cpu", file).method().path();
    for (const sample::SolverRow& solver : sample::solvers()) {
      if (!sample::solver_problem(solver, *path, method).empty()) continue;
      CAPTURE(method, solver.name);
      same_answers(file, tolerance, [&](sample::Posterior& posterior) {
        auto options = posterior.sampling();
        options.solver = solver.name;
        options.steps = 3;
        options.atol = options.rtol = 1e-2;
        options.reject = solver.name == "euler";  // one that redraws what lies outside the prior
        options.max_tries = 2;
        return drawn(posterior, options);
      });
    }
  }
}

TEST_CASE("every model draws the CPU's samples on the pretend device, in any chunks", "[pretend][sampling]") {
  for (const std::string& model : all_models) {
    const auto file = random_model(estimator_config(model, "flow"));
    for (const int64_t chunk : {0, 1, 5}) {
      CAPTURE(model, chunk);
      same_answers(file, tolerance, [&](sample::Posterior& posterior) {
        auto options = posterior.sampling();
        options.chunk = chunk;
        options.solver = "rk4";
        options.steps = 3;
        return drawn(posterior, options);
      });
    }
  }
}

TEST_CASE("guidance is the CPU's on the pretend device, at all noise levels and at some",
          "[pretend][sampling]") {
  const auto file = random_model(estimator_config("flux1", "diffusion", {", condition_drop_rate: 0.2", ""}));
  for (const bool everywhere : {true, false}) {
    CAPTURE(everywhere);
    same_answers(file, 10 * tolerance, [&](sample::Posterior& posterior) {
      auto options = posterior.sampling();
      options.guidance_scale = 2;
      options.solver = "heun";
      options.steps = 5;
      options.reject = false;
      if (!everywhere) options.guidance_min = 0.1, options.guidance_max = 5;
      return drawn(posterior, options);
    });
  }
}

TEST_CASE("embedding networks are the CPU's on the pretend device", "[pretend][sampling]") {
  for (const std::string kind :
       {"{network: mlp, hidden: 8, features: 4}", "{network: residual_mlp, hidden: 8, features: 4}",
        "{network: cnn1d, channels: [4], features: 4}", "{network: patchify, patch: [4], features: 4}"}) {
    CAPTURE(kind);
    const auto file = random_model(estimator_config("flux1", "flow", {"", "embedding: " + kind + "\n"}), 16);
    same_answers(file, tolerance, [&](sample::Posterior& posterior) {
      auto options = posterior.sampling();
      options.solver = "heun";
      options.steps = 4;
      return posterior.sample(observations(rows, 16), rows, draws, 11, 0, options).values;
    });
  }
}

TEST_CASE("log-densities are the CPU's on the pretend device, exact and estimated", "[pretend][density]") {
  for (const std::string& model : all_models) {
    const auto file = random_model(estimator_config(model, "flow"));
    for (const bool exact : {true, false}) {
      for (const std::string solver : {"dopri5", "midpoint"}) {
        if (model != "flux1" && (solver == "dopri5" || !exact)) continue;
        CAPTURE(model, exact, solver);
        same_answers(file, density_tolerance, [&](sample::Posterior& posterior) {
          auto options = posterior.sampling();
          options.solver = solver;
          if (solver != "dopri5") options.steps = 3;
          options.atol = options.rtol = 1e-2;
          options.chunk = 2;
          const std::vector<double> theta{4, 5, 6, 5, 4.5, 7};
          return posterior.log_prob(theta, rows, observations(rows), rows, {exact, 3, 5}, options).values;
        });
      }
    }
  }
}

TEST_CASE("modes of an ensemble are the CPU's on the pretend device", "[pretend][density]") {
  same_answers(random_ensemble(estimator_config("flux1", "flow")), 0.01, [&](sample::Posterior& posterior) {
    auto options = posterior.sampling();
    options.solver = "heun";
    options.steps = 3;
    options.atol = options.rtol = 0.05;
    const auto found = posterior.find_modes(observations(1), 1, 3, {3, 1}, options);
    std::vector<double> all = found.theta;
    all.insert(all.end(), found.log_prob.begin(), found.log_prob.end());
    return all;
  });
}

TEST_CASE("an ensemble draws the CPU's samples on the pretend device", "[pretend][sampling]") {
  same_answers(random_ensemble(estimator_config("flux1", "flow")), tolerance,
               [&](sample::Posterior& posterior) {
                 auto options = posterior.sampling();
                 options.solver = "heun";
                 options.steps = 4;
                 return drawn(posterior, options);
               });
}

TEST_CASE("a joint model answers any question on the pretend device as on the CPU", "[pretend][joint]") {
  const double blank = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> questions{blank, blank, -1,    -0.5, 0,  4.5,   blank, blank,
                                      -1,    blank, blank, 5,    -2, blank, -1};
  for (const std::string model : {"flux1joint", "simformer"}) {
    const auto file = random_model(estimator_config(model, "diffusion"));
    for (const std::string solver : {"heun", "euler_maruyama", "dopri5"}) {
      CAPTURE(model, solver);
      same_answers(file, 5 * tolerance, [&](sample::Posterior& posterior) {
        auto options = posterior.sampling();
        options.solver = solver;
        if (solver != "dopri5") options.steps = 3;
        options.atol = options.rtol = 1e-2;
        options.reject = false;
        return posterior.sample_given(questions, 3, draws, 11, 0, options).values;
      });
    }
    same_answers(file, density_tolerance, [&](sample::Posterior& posterior) {
      auto options = posterior.sampling();
      options.solver = "heun";
      options.steps = 4;
      const std::vector<double> values{4, 5, -1, 0, -2, 6, 5, 0, -1, 1};
      return posterior.log_prob_given(values, 2, {0, 1, 1, 0, 1}, {}, options).values;
    });
  }
}

}  // namespace
}  // namespace fluxsbi::test
