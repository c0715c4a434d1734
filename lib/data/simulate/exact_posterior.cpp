#include "data/simulate/exact_posterior.hpp"

#include <algorithm>
#include <span>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "data/files/observations.hpp"
#include "data/tasks/task.hpp"
#include "io/named_axes.hpp"

namespace fluxsbi::data {

std::vector<int64_t> write_exact_posterior(const ExactPosterior& request) {
  const auto task = make_task(request.task);
  if (!task->has_exact_posterior()) {
    throw core::UserError("task " + std::string(task->name()) +
                          " has no exact posterior to draw from; leave out --posterior");
  }
  const auto observations = load_observations(request.observations, task->shape(), {});
  const int64_t dim = task->theta_dim(), x_dim = task->x_dim();
  std::vector<float> samples(observations.rows * request.draws * dim);
  for (int64_t row = 0; row < observations.rows; ++row) {
    const auto first = observations.x.begin() + row * x_dim;
    const std::vector<float> x(first, first + x_dim);
    const uint64_t seed =
        core::derive_seed(request.seed, core::Purpose::posterior, static_cast<uint64_t>(row));
    const auto drawn = sample_exact_posterior(*task, x, request.draws, seed);
    std::copy(drawn.begin(), drawn.end(), samples.begin() + row * request.draws * dim);
  }
  io::Arrays arrays;
  arrays["samples"] =
      io::Array::from(std::span<const float>(samples), {observations.rows, request.draws, dim});
  const std::vector<float> all_x(observations.x.begin(), observations.x.end());
  arrays["x"] = io::Array::from(std::span<const float>(all_x), {observations.rows, x_dim});
  io::save_arrays_with_axes(
      request.output, arrays,
      {{"samples", {"observation", "draw", "parameter"}}, {"x", {"observation", "x_dim_0"}}});
  return arrays["samples"].shape;
}

}  // namespace fluxsbi::data
