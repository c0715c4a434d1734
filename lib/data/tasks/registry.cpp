#include "core/registry.hpp"

#include <array>

#include "data/tasks/ar1_series.hpp"
#include "data/tasks/bernoulli_glm.hpp"
#include "data/tasks/bernoulli_glm_raw.hpp"
#include "data/tasks/blurred_source.hpp"
#include "data/tasks/gaussian_linear.hpp"
#include "data/tasks/gaussian_linear_uniform.hpp"
#include "data/tasks/gaussian_mixture.hpp"
#include "data/tasks/lotka_volterra.hpp"
#include "data/tasks/normal_set.hpp"
#include "data/tasks/sir.hpp"
#include "data/tasks/slcp.hpp"
#include "data/tasks/slcp_distractors.hpp"
#include "data/tasks/task.hpp"
#include "data/tasks/two_moons.hpp"

namespace fluxsbi::data {

namespace {

template <class T>
std::unique_ptr<Task> make() {
  return std::make_unique<T>();
}

constexpr std::array rows{
    TaskRow{"two_moons", make<TwoMoons>},
    TaskRow{"gaussian_linear", make<GaussianLinear>},
    TaskRow{"gaussian_linear_uniform", make<GaussianLinearUniform>},
    TaskRow{"gaussian_mixture", make<GaussianMixture>},
    TaskRow{"slcp", make<Slcp>},
    TaskRow{"slcp_distractors", make<SlcpDistractors>},
    TaskRow{"bernoulli_glm", make<BernoulliGlm>},
    TaskRow{"bernoulli_glm_raw", make<BernoulliGlmRaw>},
    TaskRow{"sir", make<Sir>},
    TaskRow{"lotka_volterra", make<LotkaVolterra>},
    TaskRow{"ar1_series", make<Ar1Series>},
    TaskRow{"blurred_source", make<BlurredSource>},
    TaskRow{"normal_set", make<NormalSet>},
};

}  // namespace

std::span<const TaskRow> tasks() {
  return rows;
}

std::unique_ptr<Task> make_task(const std::string& name) {
  return core::row_named(rows, name, "unknown task '" + name + "'").make();
}

}  // namespace fluxsbi::data
