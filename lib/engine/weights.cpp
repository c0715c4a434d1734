#include "engine/weights.hpp"

#include <algorithm>

#include <ATen/Functions.h>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::engine {

io::Array to_array(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  const std::span<const float> values(host.const_data_ptr<float>(), static_cast<size_t>(host.numel()));
  return io::Array::from(values, host.sizes().vec());
}

at::Tensor to_tensor(const io::Array& array) {
  const auto values = array.to_float();
  at::Tensor tensor = at::empty(array.shape, at::kFloat);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<float>());
  return tensor;
}

io::Arrays weights_by_name(const FlatParameters& parameters, const at::Tensor& flat) {
  const at::Tensor host = flat.detach().to(at::kCPU, at::kFloat);
  io::Arrays arrays;
  for (const auto& entry : parameters.entries) {
    arrays.emplace(entry.name, to_array(FlatParameters::view(host, entry)));
  }
  return arrays;
}

void load_weights(FlatParameters& parameters, const io::Arrays& weights, const std::string& source) {
  at::Tensor flat = at::zeros({parameters.master.numel()}, at::kFloat);
  std::vector<std::string> expected;
  for (const auto& entry : parameters.entries) {
    expected.push_back(entry.name);
    const auto found = weights.find(entry.name);
    if (found == weights.end()) {
      throw core::UserError(source + " does not hold the weights of this model: '" + entry.name +
                            "' is missing");
    }
    if (found->second.shape != entry.shape) {
      throw core::UserError(source + " does not hold the weights of this model: '" + entry.name +
                            "' has shape " + core::shape_text(found->second.shape) + ", expected " +
                            core::shape_text(entry.shape));
    }
    FlatParameters::view(flat, entry).copy_(to_tensor(found->second));
  }
  for (const auto& [name, array] : weights) {
    if (std::find(expected.begin(), expected.end(), name) == expected.end()) {
      throw core::UserError(source + " does not hold the weights of this model: it has no parameter '" +
                            name + "'" + core::did_you_mean(name, expected));
    }
  }
  parameters.assign(flat);
}

}  // namespace fluxsbi::engine
