// Convolutions over a series or an image.
#pragma once

#include <memory>
#include <vector>

#include "model/embedding/embedding.hpp"
#include "model/embedding/pooling.hpp"

namespace fluxsbi::model {

/// A convolution over one or two axes and GELU, padded by half a kernel: an axis of n positions keeps
/// ceil(n / stride). Parameters: weight [out, in, k] or [out, in, k, k], bias [out].
class Convolution : public torch::nn::Module {
 public:
  /// `kernel` is odd; `axes` is 1 or 2.
  Convolution(int64_t axes, int64_t in, int64_t out, int64_t kernel, int64_t stride);

  /// x [B, in, n] or [B, in, h, w] float32 -> [B, out, ...] float32
  torch::Tensor forward(const torch::Tensor& x) const;
  void initialise(Initialiser& initialiser) const;

 private:
  int64_t stride_;
  torch::Tensor weight_, bias_;
};

struct CnnShape {
  std::vector<int64_t> size;      ///< [length] of a series, [rows, columns] of an image
  int64_t in = 1;                 ///< channels of x
  std::vector<int64_t> channels;  ///< of each block
  int64_t kernel = 3, stride = 2;
  int64_t layers = 1;  ///< convolutions of a block; the first has the stride
  bool marked =
      false;  ///< x is values and marks (MissingCells): pooling leaves out positions without a value

  /// Positions that the blocks leave along each axis.
  std::vector<int64_t> positions() const;
};

/// Which of the positions that one block leaves come from a position that is present, along each axis from
/// `stride` neighbouring ones: present [B, n] or [B, h, w] bool -> [B, ...] bool.
torch::Tensor present_after_stride(const torch::Tensor& present, int64_t stride);

/// Blocks of strided convolutions, then a Readout of the positions that they leave.
class CnnEmbedding : public Embedding {
 public:
  CnnEmbedding(CnnShape shape, std::shared_ptr<Readout> readout);

  torch::Tensor forward(const torch::Tensor& x) const override;
  void initialise(Initialiser& initialiser) const override;

 private:
  /// [B, N] bool of the positions that are left; undefined: all
  torch::Tensor present(const torch::Tensor& x) const;

  CnnShape shape_;
  std::vector<std::shared_ptr<Convolution>> convolutions_;
  std::shared_ptr<Readout> readout_;
};

}  // namespace fluxsbi::model
