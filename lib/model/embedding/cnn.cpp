#include "model/embedding/cnn.hpp"

#include <utility>

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/im2col.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "model/embedding/missing_cells.hpp"
#include "model/ops/elementwise.hpp"

namespace fluxsbi::model {

Convolution::Convolution(int64_t axes, int64_t in, int64_t out, int64_t kernel, int64_t stride)
    : stride_(stride) {
  core::require((axes == 1 || axes == 2) && kernel % 2 == 1, "a convolution has 1 or 2 axes, an odd kernel");
  std::vector<int64_t> shape{out, in, kernel};
  if (axes == 2) shape.push_back(kernel);
  weight_ = register_parameter("weight", at::zeros(shape));
  bias_ = register_parameter("bias", at::zeros({out}));
}

// As a matrix product of unfolded patches: oneDNN's convolution waits for threads that it does not have when
// a thread that carries some of the rows calls it.
torch::Tensor Convolution::forward(const torch::Tensor& x) const {
  const torch::Tensor weight = weight_.to(at::kFloat), bias = bias_.to(at::kFloat);
  const bool series = weight.dim() == 3;
  const int64_t kernel = weight.size(2), rows = series ? 1 : kernel;
  const torch::Tensor patches =
      at::im2col(series ? x.unsqueeze(2) : x, {rows, kernel}, /*dilation=*/{1, 1}, {rows / 2, kernel / 2},
                 {series ? 1 : stride_, stride_});                                       // [B, in kernel, N]
  const torch::Tensor y = at::linear(patches.transpose(1, 2), weight.flatten(1), bias);  // [B, N, out]
  std::vector<int64_t> shape{x.size(0), weight.size(0)};
  for (int64_t axis = 2; axis < x.dim(); ++axis) shape.push_back((x.size(axis) + stride_ - 1) / stride_);
  return ops::gelu(y).transpose(1, 2).reshape(shape);
}

void Convolution::initialise(Initialiser& initialiser) const {
  // Twice LeCun's variance, which GELU about halves: no norm keeps the blocks' scale.
  const int64_t fan_in = weight_.numel() / weight_.size(0);
  initialiser.lecun(weight_, (fan_in + 1) / 2);
  initialiser.constant(bias_, 0);
}

torch::Tensor present_after_stride(const torch::Tensor& present, int64_t stride) {
  torch::Tensor result = present;
  for (int64_t axis = 1; axis < present.dim(); ++axis) {
    const int64_t n = result.size(axis), left = (n + stride - 1) / stride;
    const torch::Tensor last = result.movedim(axis, -1);
    const torch::Tensor whole = at::constant_pad_nd(last, {0, left * stride - n}, false);
    result = whole.unflatten(-1, {left, stride}).any(-1).movedim(-1, axis);
  }
  return result;
}

std::vector<int64_t> CnnShape::positions() const {
  std::vector<int64_t> left = size;
  for (int64_t& n : left) {
    for (size_t block = 0; block < channels.size(); ++block) n = (n + stride - 1) / stride;
  }
  return left;
}

CnnEmbedding::CnnEmbedding(CnnShape shape, std::shared_ptr<Readout> readout) : shape_(std::move(shape)) {
  const int64_t axes = std::ssize(shape_.size);
  int64_t in = shape_.in;
  for (size_t block = 0; block < shape_.channels.size(); ++block) {
    for (int64_t layer = 0; layer < shape_.layers; ++layer) {
      const int64_t stride = layer == 0 ? shape_.stride : 1;
      const auto name = "conv_" + std::to_string(block) + "_" + std::to_string(layer);
      convolutions_.push_back(register_module(
          name, std::make_shared<Convolution>(axes, in, shape_.channels[block], shape_.kernel, stride)));
      in = shape_.channels[block];
    }
  }
  readout_ = register_module("readout", std::move(readout));
}

torch::Tensor CnnEmbedding::forward(const torch::Tensor& x) const {
  std::vector<int64_t> shape{x.size(0)};
  shape.insert(shape.end(), shape_.size.begin(), shape_.size.end());
  shape.push_back(shape_.in);
  torch::Tensor y = x.reshape(shape).movedim(-1, 1).contiguous();  // [B, in, ...]
  for (const auto& convolution : convolutions_) y = convolution->forward(y);
  return readout_->forward(y.flatten(2).transpose(1, 2), present(x));  // of [B, N, channels]
}

torch::Tensor CnnEmbedding::present(const torch::Tensor& x) const {
  if (!shape_.marked || !readout_->pools()) return {};
  std::vector<int64_t> shape{x.size(0)};
  shape.insert(shape.end(), shape_.size.begin(), shape_.size.end());
  torch::Tensor here = present_places(x).reshape(shape);
  for (size_t block = 0; block < shape_.channels.size(); ++block)
    here = present_after_stride(here, shape_.stride);
  return here.flatten(1);
}

void CnnEmbedding::initialise(Initialiser& initialiser) const {
  for (const auto& convolution : convolutions_) convolution->initialise(initialiser);
  readout_->initialise(initialiser);
}

}  // namespace fluxsbi::model
