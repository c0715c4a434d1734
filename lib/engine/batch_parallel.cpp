// The torch::nn modules with the rows of a batch divided among the CPU's threads. The operations of one
// evaluation are so small that dividing each of them among threads spends more on waking and waiting than on
// arithmetic; here a thread passes through the whole network by itself and waits once.
#include <vector>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/cotangent.hpp"
#include "engine/engine.hpp"
#include "engine/work_queue.hpp"

namespace fluxsbi::engine {

namespace {

// The activations of more rows than this leave the cache between two operations of a forward pass.
constexpr int64_t most_rows = 256;

// One part a thread, or parts of up to most_rows, as many for each thread.
std::vector<Part> parts_in_cache(int64_t rows) {
  const int64_t threads = at::get_num_threads();
  const int64_t rounds = (rows + threads * most_rows - 1) / (threads * most_rows);
  return rounds <= 1 ? part_per_thread(rows) : divide(rows, rounds * threads);
}

// The part's rows of x [B, ...]; x itself where it is undefined or its one row serves all.
at::Tensor rows_of(const at::Tensor& x, const Part& part, int64_t batch) {
  return !x.defined() || x.size(0) != batch || batch == 1 ? x : x.narrow(0, part.first, part.count);
}

model::Inputs rows_of(const model::Inputs& inputs, const Part& part) {
  const int64_t batch = inputs.obs.size(0);
  model::Inputs rows;
  for (const auto member : {&model::Inputs::t, &model::Inputs::obs, &model::Inputs::cond,
                            &model::Inputs::obs_ids, &model::Inputs::cond_ids, &model::Inputs::conditioned,
                            &model::Inputs::guidance, &model::Inputs::condition_mask}) {
    rows.*member = rows_of(inputs.*member, part, batch);
  }
  rows.embedded = inputs.embedded;
  // [L, L] or [B, L, L]
  const bool each = inputs.edge_mask.defined() && inputs.edge_mask.dim() == 3;
  rows.edge_mask = each ? rows_of(inputs.edge_mask, part, batch) : inputs.edge_mask;
  return rows;
}

class BatchParallelEngine final : public Engine {
 public:
  BatchParallelEngine(std::shared_ptr<model::Network> network, at::ScalarType compute)
      : reference_(make_reference_engine(std::move(network), compute, at::kCPU)),
        leaves_(parameters().network()->parameters()) {}

  std::string_view name() const override { return "batch-parallel"; }
  FlatParameters& parameters() override { return reference_->parameters(); }
  at::Device device() const override { return at::kCPU; }

  at::Tensor forward(const model::Inputs& inputs) override {
    const std::vector<Part> parts = parts_in_cache(inputs.obs.size(0));
    if (parts.size() == 1) return reference_->forward(inputs);
    const at::Tensor output = at::empty(inputs.obs.sizes(), inputs.obs.options());
    for_each(parts, [&](size_t i) {
      output.narrow(0, parts[i].first, parts[i].count).copy_(reference_->forward(rows_of(inputs, parts[i])));
    });
    return output;
  }

  at::Tensor accumulate_gradient(const Regression& problem, double scale) override {
    const std::vector<Part> parts = part_per_thread(problem.inputs.obs.size(0));
    if (parts.size() == 1) return reference_->accumulate_gradient(problem, scale);
    gradients_.resize(parts.size() - 1);
    for (at::Tensor& gradient : gradients_) {
      if (!gradient.defined()) gradient = at::zeros_like(parameters().gradient);
    }
    std::vector<at::Tensor> losses(parts.size());
    for_each(parts, [&](size_t i) {
      at::Tensor& sum = i == 0 ? parameters().gradient : gradients_[i - 1];
      if (i > 0) sum.zero_();
      losses[i] = add_gradient(problem, parts[i], scale, sum);
    });
    for (size_t i = 1; i < parts.size(); ++i) {  // in this order every time: the same bits again
      parameters().gradient.add_(gradients_[i - 1]);
      losses[0].add_(losses[i]);
    }
    return losses[0];
  }

  InputGradients input_gradients(const model::Inputs& inputs, const at::Tensor& cotangent,
                                 InputsOf which) override {
    const std::vector<Part> parts = parts_in_cache(inputs.obs.size(0));
    std::vector<InputGradients> found(parts.size());
    for_each(parts, [&](size_t i) {
      found[i] = gradients_of_inputs(*parameters().network(), rows_of(inputs, parts[i]),
                                     rows_of(cotangent, parts[i], inputs.obs.size(0)), which);
    });
    // Rows one below the other; where one row served all, their sum.
    const auto joined = [&](at::Tensor InputGradients::*member, bool one_row) {
      std::vector<at::Tensor> list;
      for (const InputGradients& part : found) list.push_back(part.*member);
      if (!list[0].defined()) return at::Tensor();
      return one_row ? at::stack(list).sum(0) : at::cat(list);
    };
    const bool one_cond = inputs.cond.defined() && inputs.cond.size(0) == 1 && inputs.obs.size(0) != 1;
    return {joined(&InputGradients::output, false), joined(&InputGradients::obs, false),
            joined(&InputGradients::t, false), joined(&InputGradients::cond, one_cond),
            joined(&InputGradients::guidance, false)};
  }

 private:
  // body(i) for each part.
  template <class Body>
  static void for_each(const std::vector<Part>& parts, const Body& body) {
    share_out(static_cast<int64_t>(parts.size()), [&](int64_t i, int64_t) { body(static_cast<size_t>(i)); });
  }

  // The gradients are asked for by tensor: .grad belongs to no thread.
  at::Tensor add_gradient(const Regression& problem, const Part& part, double scale, at::Tensor& sum) {
    const int64_t batch = problem.inputs.obs.size(0);
    const at::AutoGradMode with_grad(true);
    const at::Tensor output = parameters().network()->forward(rows_of(problem.inputs, part));
    const at::Tensor weight =  // [B or 1, L, C], or of fewer axes: the same for all rows
        problem.weight.dim() == 3 ? rows_of(problem.weight, part, batch) : problem.weight;
    const auto [loss, cotangent] = cotangent_of(output, rows_of(problem.target, part, batch), weight, scale);
    const auto found = torch::autograd::grad({output}, leaves_, {cotangent}, /*retain_graph=*/std::nullopt,
                                             /*create_graph=*/false, /*allow_unused=*/true);
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i].defined()) FlatParameters::view(sum, parameters().entries[i]).add_(found[i]);
    }
    return loss;
  }

  std::unique_ptr<Engine> reference_;
  std::vector<at::Tensor> leaves_;     // the modules' parameters, as entries
  std::vector<at::Tensor> gradients_;  // of the parts but the first
};

}  // namespace

std::unique_ptr<Engine> make_batch_parallel_engine(std::shared_ptr<model::Network> network,
                                                   at::ScalarType compute) {
  return std::make_unique<BatchParallelEngine>(std::move(network), compute);
}

}  // namespace fluxsbi::engine
