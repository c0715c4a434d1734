// The reference engine: the torch::nn modules, evaluated as they stand.
//
// On a CPU the operations of one evaluation are so small that dividing each of them among threads spends more
// on waking and waiting than on arithmetic. There a large batch is cut into parts of rows: a thread passes
// with its part through the whole network by itself and waits once.
#include <vector>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/batch_part.hpp"
#include "engine/cotangent.hpp"
#include "engine/device_kernels.hpp"
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

class ReferenceEngine final : public Engine {
 public:
  ReferenceEngine(std::shared_ptr<model::Network> network, at::ScalarType compute, at::Device device,
                  const DeviceKernels* kernels)
      : parameters_(std::move(network), compute, device),
        device_(device),
        ops_(kernels ? &kernels->ops() : nullptr),
        leaves_(parameters_.network()->parameters()) {
    parameters_.kernels = kernels;
    for (const auto& entry : parameters_.entries)
      gradient_views_.push_back(FlatParameters::view(parameters_.working_gradient, entry));
  }

  std::string_view name() const override { return "reference"; }
  FlatParameters& parameters() override { return parameters_; }
  at::Device device() const override { return device_; }

  at::Tensor forward(const model::Inputs& inputs) override {
    const std::vector<Part> parts = divided(inputs, parts_in_cache);
    if (parts.empty()) return evaluate(inputs);
    const at::Tensor output = at::empty(inputs.obs.sizes(), inputs.obs.options());
    for_each(parts, [&](size_t i) {
      output.narrow(0, parts[i].first, parts[i].count).copy_(evaluate(part_of(inputs, parts[i])));
    });
    return output;
  }

  at::Tensor accumulate_gradient(const Regression& problem, double scale) override {
    const std::vector<Part> parts = divided(problem.inputs, part_per_thread);
    return parts.empty() ? accumulate_whole(problem, scale) : accumulate_parts(problem, scale, parts);
  }

  InputGradients input_gradients(const model::Inputs& inputs, const at::Tensor& cotangent,
                                 InputsOf which) override {
    const std::vector<Part> parts = divided(inputs, parts_in_cache);
    const model::ops::UseDeviceOps by(ops_);
    if (parts.empty()) return gradients_of_inputs(*parameters_.network(), inputs, cotangent, which);
    std::vector<InputGradients> found(parts.size());
    for_each(parts, [&](size_t i) {
      found[i] = gradients_of_inputs(*parameters_.network(), part_of(inputs, parts[i]),
                                     part_of(cotangent, parts[i], inputs.rows()), which);
    });
    return joined(found, inputs);
  }

 private:
  /// The parts in which a batch is evaluated; none where it is evaluated as a whole.
  std::vector<Part> divided(const model::Inputs& inputs, std::vector<Part> (*divide_rows)(int64_t)) const {
    if (!device_.is_cpu()) return {};
    std::vector<Part> parts = divide_rows(inputs.rows());
    if (parts.size() == 1) parts.clear();
    return parts;
  }

  // body(i) for each part.
  template <class Body>
  static void for_each(const std::vector<Part>& parts, const Body& body) {
    share_out(static_cast<int64_t>(parts.size()), [&](int64_t i, int64_t) { body(static_cast<size_t>(i)); });
  }

  at::Tensor evaluate(const model::Inputs& inputs) {
    const at::NoGradGuard no_grad;
    const model::ops::UseDeviceOps by(ops_);
    return parameters_.network()->forward(inputs);
  }

  at::Tensor accumulate_whole(const Regression& problem, double scale) {
    const at::AutoGradMode with_grad(true);
    const model::ops::UseDeviceOps by(ops_);
    const at::Tensor output = parameters_.network()->forward(problem.inputs);  // [B, L, C]
    const auto [loss, cotangent] = cotangent_of(output, problem.target, problem.weight, scale);
    if (parameters_.working_gradient.is_same(parameters_.gradient)) {
      add_to_working_gradient(output, cotangent);
      return loss;
    }
    // bfloat16 could not hold a long sum of gradients: each call's gradient is added to the float32 one.
    parameters_.working_gradient.zero_();
    add_to_working_gradient(output, cotangent);
    parameters_.gradient.add_(parameters_.working_gradient);
    return loss;
  }

  void add_to_working_gradient(const at::Tensor& output, const at::Tensor& cotangent) {
    if (!parameters_.kernels) {
      output.backward(cotangent);
      return;
    }
    // backward() would start a kernel for each parameter; this starts one for many.
    const auto found = torch::autograd::grad({output}, leaves_, {cotangent}, /*retain_graph=*/std::nullopt,
                                             /*create_graph=*/false, /*allow_unused=*/true);
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> sums, gradients;
    for (size_t i = 0; i < found.size(); ++i) {
      if (!found[i].defined()) continue;
      sums.push_back(gradient_views_[i]);
      gradients.push_back(found[i].contiguous());
    }
    at::_foreach_add_(sums, gradients);
  }

  at::Tensor accumulate_parts(const Regression& problem, double scale, const std::vector<Part>& parts) {
    sums_.resize(parts.size() - 1);
    for (at::Tensor& sum : sums_) {
      if (!sum.defined()) sum = at::zeros_like(parameters_.gradient);
    }
    std::vector<at::Tensor> losses(parts.size());
    for_each(parts, [&](size_t i) {
      at::Tensor& sum = i == 0 ? parameters_.gradient : sums_[i - 1];
      if (i > 0) sum.zero_();
      losses[i] = add_gradient(part_of(problem, parts[i]), scale, sum);
    });
    for (size_t i = 1; i < parts.size(); ++i) {  // in this order every time: the same bits again
      parameters_.gradient.add_(sums_[i - 1]);
      losses[0].add_(losses[i]);
    }
    return losses[0];
  }

  // The gradients are asked for by tensor: .grad belongs to no thread.
  at::Tensor add_gradient(const Regression& problem, double scale, at::Tensor& sum) {
    const at::AutoGradMode with_grad(true);
    const at::Tensor output = parameters_.network()->forward(problem.inputs);
    const auto [loss, cotangent] = cotangent_of(output, problem.target, problem.weight, scale);
    const auto found = torch::autograd::grad({output}, leaves_, {cotangent}, /*retain_graph=*/std::nullopt,
                                             /*create_graph=*/false, /*allow_unused=*/true);
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i].defined()) FlatParameters::view(sum, parameters_.entries[i]).add_(found[i]);
    }
    return loss;
  }

  FlatParameters parameters_;
  at::Device device_;
  const model::ops::DeviceOps* ops_;        // null: plain tensor operations
  std::vector<at::Tensor> gradient_views_;  // of the working gradient, as entries
  std::vector<at::Tensor> leaves_;          // the modules' parameters, as entries
  std::vector<at::Tensor> sums_;            // the gradients of the parts but the first
};

}  // namespace

std::unique_ptr<Engine> make_reference_engine(std::shared_ptr<model::Network> network, at::ScalarType compute,
                                              at::Device device, const DeviceKernels* kernels) {
  return std::make_unique<ReferenceEngine>(std::move(network), compute, device, kernels);
}

}  // namespace fluxsbi::engine
