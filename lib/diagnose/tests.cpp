#include "diagnose/tests.hpp"

#include <array>

#include "diagnose/coverage.hpp"
#include "diagnose/data_averaged.hpp"
#include "diagnose/hpd.hpp"
#include "diagnose/inside.hpp"
#include "diagnose/lc2st.hpp"
#include "diagnose/likelihood.hpp"
#include "diagnose/ppc.hpp"
#include "diagnose/prior_check.hpp"
#include "diagnose/regions.hpp"
#include "diagnose/sbc.hpp"
#include "diagnose/sharpness.hpp"
#include "diagnose/solver.hpp"
#include "diagnose/tarp.hpp"
#include "diagnose/training_course.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::array rows = {
    TestRow{"training",
            "whether the validation loss had settled when the training ended",
            {},
            run_training_course},
    TestRow{"inside", "whether the observation is like the training data", {.observation = true}, run_inside},
    TestRow{"sharpness",
            "how much the posterior says: its width over the prior's, log q(theta*)",
            {.pairs = true},
            run_sharpness},
    TestRow{"prior", "theta* of the pairs against the prior of the model", {.pairs = true}, run_prior_check},
    TestRow{"sbc", "ranks of theta* among the draws, a variable at a time", {.pairs = true}, run_sbc},
    TestRow{"coverage",
            "true values inside central and highest-density intervals",
            {.pairs = true},
            run_coverage},
    TestRow{"tarp", "coverage of balls about random points, of the whole theta", {.pairs = true}, run_tarp},
    TestRow{"data_averaged", "draws over all x against the prior", {.pairs = true}, run_data_averaged},
    TestRow{"regions",
            "theta* among the draws where posteriors lie near each other, and at the observation",
            {.pairs = true},
            run_regions},
    TestRow{"ppc",
            "simulations at draws of the posterior against the observation",
            {.observation = true, .predictive = true},
            run_ppc},
    TestRow{"solver",
            "whether twice as many steps of the sampler change the draws",
            {.observation = true, .fine = true},
            run_solver},
    TestRow{"likelihood",
            "how far draws are from the posterior that a known likelihood tells, by their weights",
            {.observation = true, .weights = true},
            run_likelihood},
    TestRow{"lc2st",
            "whether a classifier tells theta* from draws, for all x and at the observation",
            {.pairs = true},
            run_lc2st},
    TestRow{"hpd",
            "coverage of highest-density regions of the whole theta, by log q",
            {.pairs = true, .densities = true},
            run_hpd},
};

}  // namespace

std::span<const TestRow> tests() {
  return rows;
}

}  // namespace fluxsbi::diagnose
