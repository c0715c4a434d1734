#include "train/data_rows.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <ATen/Functions.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "train/data_order.hpp"
#include "train/read_ahead.hpp"
#include "train/tensor_rows.hpp"

namespace fluxsbi::train {

namespace {

std::span<float> numbers(at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

// Rows of both sides on the host, not yet joined.
struct HostRows {
  at::Tensor theta, x;  ///< [rows, theta_dim, theta_channels], [rows, x_dim, x_channels]
};

HostRows host_rows(int64_t rows, const data::DataShape& shape, bool pinned = false) {
  const auto options = at::TensorOptions(at::kFloat).pinned_memory(pinned);
  return {at::empty({rows, shape.theta_dim, shape.theta_channels}, options),
          at::empty({rows, shape.x_dim, shape.x_channels}, options)};
}

// Tells when a device has taken what was copied to it from pinned memory; of a CPU nothing.
class Copied {
 public:
  explicit Copied(at::Device device) : device_(device) {
    if (!device.is_cpu()) event_.emplace(device.type());
  }
  // After the copies have been asked for.
  void record() {
    if (event_) event_->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }
  void wait() {
    if (event_ && !event_->query()) event_->synchronize();
  }

 private:
  at::Device device_;
  std::optional<c10::Event> event_;
};

class StreamFeed final : public BatchFeed {
 public:
  StreamFeed(std::shared_ptr<const data::StandardisedRows> source, RowChoice choice, RowLayout layout,
             int64_t batches, int64_t batch_size, uint64_t seed, const engine::Part& part)
      : source_(std::move(source)),
        choice_(std::move(choice)),
        layout_(std::move(layout)),
        batches_(batches),
        batch_size_(batch_size),
        part_(part),
        order_(choice_.size, seed),
        copied_(layout_.device),
        ahead_(places,
               [this](int64_t step, int64_t place) { read(step, host_[static_cast<size_t>(place)]); }) {
    for (auto& rows : host_)
      rows = host_rows(batches * part.count, layout_.shape, /*pinned=*/!layout_.device.is_cpu());
    const data::DataShape& shape = layout_.shape;
    const int64_t learnt = shape.theta_dim + (layout_.joint ? shape.x_dim : 0);
    theta_ = empty_rows({batches, part.count}, {learnt, shape.theta_channels}, layout_.device);
    if (!layout_.joint)
      x_ = empty_rows({batches, part.count}, {shape.x_dim, shape.x_channels}, layout_.device);
  }

  void prepare(int64_t step) override {
    copied_.wait();  // of the step before, whose place is read into from here on
    put(host_[static_cast<size_t>(ahead_.take(step))]);
    copied_.record();
  }

  void load(int64_t index, method::Batch& batch) override {
    batch.obs = theta_[index];
    batch.cond = x_.defined() ? x_[index] : at::Tensor();
  }

 private:
  void read(int64_t step, HostRows& result) {
    rows_.resize(static_cast<size_t>(batches_ * part_.count));
    for (int64_t batch = 0; batch < batches_; ++batch) {
      const int64_t place = (step * batches_ + batch) * batch_size_ + part_.first;
      order_.fill(static_cast<uint64_t>(place),
                  std::span(rows_).subspan(static_cast<size_t>(batch * part_.count),
                                           static_cast<size_t>(part_.count)));
    }
    for (int64_t& row : rows_) row = choice_.row(row);
    source_->read(rows_, numbers(result.theta), numbers(result.x));
  }

  void put(const HostRows& rows) {
    const int64_t thetas = layout_.shape.theta_dim;
    at::Tensor theta = theta_.flatten(0, 1);
    // From pinned memory the device takes the rows by itself, and is not waited for.
    theta.narrow(1, 0, thetas).copy_(rows.theta, /*non_blocking=*/true);
    at::Tensor x = layout_.joint ? theta.narrow(1, thetas, layout_.shape.x_dim) : x_.flatten(0, 1);
    x.copy_(rows.x, /*non_blocking=*/true);
  }

  std::shared_ptr<const data::StandardisedRows> source_;
  RowChoice choice_;
  RowLayout layout_;
  int64_t batches_, batch_size_;
  engine::Part part_;  ///< of each batch
  DataOrder order_;
  at::Tensor theta_, x_;                ///< [batches, part.count, ...] of this step
  static constexpr int64_t places = 4;  // steps ahead, so that a step that reads slowly delays none
  std::array<HostRows, places> host_;
  std::vector<int64_t> rows_;  ///< of the step that is read
  Copied copied_;              ///< of the last step's rows
  ReadAhead ahead_;            ///< the last member, so that its thread ends before the others
};

class StreamedRows final : public Rows {
 public:
  StreamedRows(std::shared_ptr<const data::StandardisedRows> source, RowChoice choice, RowLayout layout)
      : source_(std::move(source)), choice_(std::move(choice)), layout_(std::move(layout)) {}

  int64_t size() const override { return choice_.size; }
  at::Device device() const override { return layout_.device; }
  std::vector<int64_t> theta_shape() const override {
    const data::DataShape& shape = layout_.shape;
    return {shape.theta_dim + (layout_.joint ? shape.x_dim : 0), shape.theta_channels};
  }
  std::vector<int64_t> x_shape() const override {
    if (layout_.joint) return {};
    return {layout_.shape.x_dim, layout_.shape.x_channels};
  }

  method::Batch slice(int64_t first, int64_t count) const override {
    HostRows host = host_rows(count, layout_.shape);
    std::vector<int64_t> rows(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) rows[static_cast<size_t>(i)] = choice_.row(first + i);
    source_->read(rows, numbers(host.theta), numbers(host.x));
    method::Batch batch;
    if (layout_.joint) {
      batch.obs = at::cat({host.theta, host.x}, 1).to(layout_.device);
    } else {
      batch.obs = host.theta.to(layout_.device);
      batch.cond = host.x.to(layout_.device);
    }
    return batch;
  }

  std::unique_ptr<BatchFeed> feed(int64_t batches, int64_t batch_size, uint64_t seed,
                                  const engine::Part& part) const override {
    return std::make_unique<StreamFeed>(source_, choice_, layout_, batches, batch_size, seed, part);
  }

 private:
  std::shared_ptr<const data::StandardisedRows> source_;
  RowChoice choice_;
  RowLayout layout_;
};

}  // namespace

std::shared_ptr<Rows> gather_rows(const data::StandardisedRows& source, const RowChoice& choice,
                                  const RowLayout& layout) {
  constexpr int64_t block = int64_t{1} << 22;  // numbers of a side that are read at once, in float64
  HostRows all = host_rows(choice.size, layout.shape);
  const int64_t widest = std::max<int64_t>({1, layout.shape.theta_size(), layout.shape.x_size()});
  const int64_t step = std::max<int64_t>(1, block / widest);
  std::vector<int64_t> rows;
  for (int64_t first = 0; first < choice.size; first += step) {
    const int64_t count = std::min(step, choice.size - first);
    rows.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) rows[static_cast<size_t>(i)] = choice.row(first + i);
    at::Tensor theta = all.theta.narrow(0, first, count), x = all.x.narrow(0, first, count);
    source.read(rows, numbers(theta), numbers(x));
  }
  if (layout.joint) return tensor_rows(at::cat({all.theta, all.x}, 1).to(layout.device), {});
  return tensor_rows(all.theta.to(layout.device), all.x.to(layout.device));
}

std::shared_ptr<Rows> stream_rows(std::shared_ptr<const data::StandardisedRows> source, RowChoice choice,
                                  RowLayout layout) {
  return std::make_shared<StreamedRows>(std::move(source), std::move(choice), std::move(layout));
}

}  // namespace fluxsbi::train
