#include "train/rows.hpp"

#include <ATen/Functions.h>

namespace fluxsbi::train {

at::Tensor empty_rows(std::vector<int64_t> leading, const std::vector<int64_t>& shape, at::Device device) {
  leading.insert(leading.end(), shape.begin(), shape.end());
  return at::empty(leading, at::TensorOptions().device(device).dtype(at::kFloat));
}

}  // namespace fluxsbi::train
