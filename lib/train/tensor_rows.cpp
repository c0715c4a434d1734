#include "train/tensor_rows.hpp"

#include <utility>

#include <ATen/Functions.h>

#include "train/data_order.hpp"

namespace fluxsbi::train {

namespace {

std::vector<int64_t> row_shape(const at::Tensor& rows) {
  if (!rows.defined()) return {};
  const auto sizes = rows.sizes();
  return {sizes.begin() + 1, sizes.end()};
}

// Gathers within the step, so that a step of many micro-batches needs room for one.
class TensorFeed final : public BatchFeed {
 public:
  TensorFeed(at::Tensor theta, at::Tensor x, int64_t batches, int64_t batch_size, uint64_t seed,
             const engine::Part& part)
      : theta_(std::move(theta)),
        x_(std::move(x)),
        part_(part),
        order_(theta_.size(0), seed),
        host_rows_(static_cast<size_t>(batches * batch_size)),
        rows_(at::empty({batches, batch_size}, theta_.options().dtype(at::kLong))),
        batch_theta_(empty_rows({part.count}, row_shape(theta_), theta_.device())) {
    if (x_.defined()) batch_x_ = empty_rows({part.count}, row_shape(x_), x_.device());
  }

  void prepare(int64_t step) override {
    order_.fill(static_cast<uint64_t>(step) * host_rows_.size(), host_rows_);
    // Pageable memory: it is read before the call returns, and the device is not waited for.
    rows_.copy_(at::from_blob(host_rows_.data(), rows_.sizes(), at::kLong), /*non_blocking=*/true);
  }

  void load(int64_t index, method::Batch& batch) override {
    const at::Tensor rows = rows_[index].narrow(0, part_.first, part_.count);
    at::index_select_out(batch_theta_, theta_, 0, rows);
    if (x_.defined()) at::index_select_out(batch_x_, x_, 0, rows);
    batch.obs = batch_theta_;
    batch.cond = batch_x_;
  }

 private:
  at::Tensor theta_, x_;
  engine::Part part_;  ///< of each batch
  DataOrder order_;
  std::vector<int64_t> host_rows_;    ///< [batches * batch_size]
  at::Tensor rows_;                   ///< [batches, batch_size] int64, of this step
  at::Tensor batch_theta_, batch_x_;  ///< [part.count, ...]
};

class TensorRows final : public Rows {
 public:
  TensorRows(at::Tensor theta, at::Tensor x) : theta_(std::move(theta)), x_(std::move(x)) {}

  int64_t size() const override { return theta_.size(0); }
  at::Device device() const override { return theta_.device(); }
  std::vector<int64_t> theta_shape() const override { return row_shape(theta_); }
  std::vector<int64_t> x_shape() const override { return row_shape(x_); }
  method::Batch slice(int64_t first, int64_t count) const override {
    method::Batch batch;
    batch.obs = theta_.narrow(0, first, count);
    if (x_.defined()) batch.cond = x_.narrow(0, first, count);
    return batch;
  }
  std::unique_ptr<BatchFeed> feed(int64_t batches, int64_t batch_size, uint64_t seed,
                                  const engine::Part& part) const override {
    return std::make_unique<TensorFeed>(theta_, x_, batches, batch_size, seed, part);
  }

 private:
  at::Tensor theta_, x_;
};

}  // namespace

std::shared_ptr<Rows> tensor_rows(at::Tensor theta, at::Tensor x) {
  return std::make_shared<TensorRows>(std::move(theta), std::move(x));
}

}  // namespace fluxsbi::train
