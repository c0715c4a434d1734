#include "train/online_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "train/tensor_rows.hpp"

namespace fluxsbi::train {

namespace {

constexpr int64_t kept_steps = 100;                 // whose rows are used again together
constexpr int64_t kept_numbers = int64_t{1} << 25;  // of a side, at most (but for a single step)
constexpr int64_t steps_ahead = 16;                 // that are simulated ahead where rows are used once
constexpr double advice_after_seconds = 30;

/// Rows first, ..., first + count - 1 of the stream, standardised on the device.
method::Batch read_rows(const OnlineSource& source, const RowLayout& layout, int64_t first, int64_t count) {
  std::vector<double> theta, x;
  source.stream->read(first, count, theta, x);
  const auto side = [&](const std::vector<double>& values) {
    return data::rows_in_memory(
        io::Array::from(std::span<const double>(values), {count, std::ssize(values) / count}));
  };
  const data::StandardisedRows rows(std::make_shared<data::RowSource>(side(theta), side(x)), source.theta,
                                    source.x, source.regression);
  return gather_rows(rows, {count, [](int64_t i) { return i; }}, layout)->slice(0, count);
}

/// Keeps the rows of a window of steps in tensors that stay in their place; each step takes its rows from
/// there.
class OnlineFeed final : public BatchFeed {
 public:
  OnlineFeed(const OnlineSource& source, const RowLayout& layout, std::vector<int64_t> theta_shape,
             std::vector<int64_t> x_shape, int64_t batches, int64_t batch_size, uint64_t seed,
             const engine::Part& part)
      : source_(source), layout_(layout) {
    const int64_t step_rows = batches * batch_size;
    const int64_t widest = std::max<int64_t>({1, layout.shape.theta_size(), layout.shape.x_size()});
    if (source.reuse > 1)
      window_steps_ = std::clamp<int64_t>(kept_numbers / (step_rows * widest), 1, kept_steps);
    window_rows_ = window_steps_ * step_rows;
    theta_ = empty_rows({window_rows_}, theta_shape, layout.device);
    if (!x_shape.empty()) x_ = empty_rows({window_rows_}, x_shape, layout.device);
    steps_ = tensor_rows(theta_, x_)->feed(batches, batch_size, seed, part);
    source_.stream->keep_ahead(source.reuse > 1 ? window_rows_ : steps_ahead * step_rows);
  }

  void prepare(int64_t step) override {
    const int64_t window = step / (window_steps_ * source_.reuse);
    if (window != window_) fill(window);
    steps_->prepare(step);
    if (!advised_) advise();
  }
  void load(int64_t index, method::Batch& batch) override { steps_->load(index, batch); }

 private:
  void fill(int64_t window) {
    window_ = -1;  // until all is well
    const method::Batch rows =
        read_rows(source_, layout_, source_.first_row + window * window_rows_, window_rows_);
    theta_.copy_(rows.obs);
    if (x_.defined()) x_.copy_(rows.cond);
    window_ = window;
    if (begin_ > 0) return;
    begin_ = core::steady_seconds();  // the first rows are waited for in any case
    waited_before_ = source_.stream->counts().waited_seconds;
  }

  void advise() {
    const double seconds = core::steady_seconds() - begin_;
    if (seconds < advice_after_seconds) return;
    advised_ = true;
    const std::string advice = waiting_advice(source_.stream->counts().waited_seconds - waited_before_,
                                              seconds, source_.stream->workers(), source_.reuse);
    if (!advice.empty()) core::log::info(advice);
  }

  OnlineSource source_;
  RowLayout layout_;
  int64_t window_steps_ = 1, window_rows_ = 0;
  int64_t window_ = -1;   ///< whose rows the tensors hold
  at::Tensor theta_, x_;  ///< [window_rows, ...]
  std::unique_ptr<BatchFeed> steps_;
  double begin_ = 0, waited_before_ = 0;
  bool advised_ = false;
};

class OnlineRows final : public Rows {
 public:
  OnlineRows(OnlineSource source, RowLayout layout)
      : source_(std::move(source)), layout_(std::move(layout)) {}

  int64_t size() const override { return std::numeric_limits<int64_t>::max() - source_.first_row; }
  at::Device device() const override { return layout_.device; }
  std::vector<int64_t> theta_shape() const override {
    return {layout_.shape.theta_dim + (layout_.joint ? layout_.shape.x_dim : 0),
            layout_.shape.theta_channels};
  }
  std::vector<int64_t> x_shape() const override {
    if (layout_.joint) return {};
    return {layout_.shape.x_dim, layout_.shape.x_channels};
  }
  method::Batch slice(int64_t first, int64_t count) const override {
    return read_rows(source_, layout_, source_.first_row + first, count);
  }
  std::unique_ptr<BatchFeed> feed(int64_t batches, int64_t batch_size, uint64_t seed,
                                  const engine::Part& part) const override {
    return std::make_unique<OnlineFeed>(source_, layout_, theta_shape(), x_shape(), batches, batch_size, seed,
                                        part);
  }

 private:
  OnlineSource source_;
  RowLayout layout_;
};

}  // namespace

std::shared_ptr<Rows> online_rows(OnlineSource source, RowLayout layout) {
  return std::make_shared<OnlineRows>(std::move(source), std::move(layout));
}

std::string waiting_advice(double waited, double seconds, int workers, int64_t reuse) {
  if (waited <= 0.2 * seconds) return {};
  // With every pair used so often, simulations would come as fast as training takes them.
  const double busy = std::max(seconds - waited, 0.01 * seconds);
  const auto enough = static_cast<int64_t>(std::ceil(static_cast<double>(reuse) * seconds / busy));
  return "training waits for the simulator " + std::to_string(std::lround(100 * waited / seconds)) +
         " % of its time; take more simulator.workers (now " + std::to_string(workers) +
         ") if the machine has more threads, or a new run with data.reuse: " + std::to_string(enough) +
         " (now " + std::to_string(reuse) + "), which trains so often on each pair";
}

}  // namespace fluxsbi::train
