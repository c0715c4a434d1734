#include "data/simulate/simulation_stream.hpp"

#include <algorithm>
#include <chrono>
#include <span>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "data/simulate/simulate.hpp"

namespace fluxsbi::data {

namespace {

constexpr std::string_view signal_mark = "\n";  // before the number of a signal, in place of a problem's text

}  // namespace

/// Makes one piece.
class SimulationStream::Maker {
 public:
  Maker(const StreamSetup& setup, const ThetaDraws& draws, int64_t number)
      : setup_(setup),
        draws_(draws),
        first_row_(number * setup.piece_rows),
        dim_(static_cast<size_t>(setup.prior->dim())),
        open_(static_cast<size_t>(setup.piece_rows)) {
    for (size_t i = 0; i < open_.size(); ++i) open_[i] = i;
    piece_.theta.resize(open_.size() * dim_);
  }

  Piece make() {
    for (int64_t round = 0; !open_.empty(); ++round) simulate(first_row_ + round * round_rows);
    return std::move(piece_);
  }

 private:
  static constexpr int64_t round_rows = int64_t{1} << 40;  // beyond the rows of any training

  /// Rows first, ... for the open places; those that succeed take the first of them.
  void simulate(int64_t first) {
    std::vector<double> theta(open_.size() * dim_);
    for (size_t i = 0; i < open_.size(); ++i)
      draws_.draw(first + static_cast<int64_t>(i), std::span(theta).subspan(i * dim_, dim_));
    const SimulatedBatch batch = setup_.simulator->run(first, theta);
    if (batch.stopped) throw core::Stopped("the simulator was stopped");
    if (piece_.first_failure.empty()) piece_.first_failure = batch.first_failure;
    size_t taken = 0;
    for (size_t i = 0; i < batch.failed.size(); ++i) {
      if (!batch.failed[i]) take(theta, batch, i, open_[taken++]);
    }
    const auto failed = std::ssize(open_) - static_cast<int64_t>(taken);
    open_.erase(open_.begin(), open_.begin() + static_cast<int64_t>(taken));
    piece_.failed += failed;
    in_a_row_ = taken > 0 ? 0 : in_a_row_ + failed;
    if (in_a_row_ < broken_after_failures) return;
    throw core::UserError(setup_.name + " has broken down: " + std::to_string(in_a_row_) +
                          " simulations in a row failed (" + batch.first_failure + ")");
  }

  void take(const std::vector<double>& theta, const SimulatedBatch& batch, size_t row, size_t place) {
    const auto copy = [&](const std::vector<double>& from, size_t size, std::vector<double>& to) {
      std::copy_n(from.begin() + static_cast<int64_t>(row * size), size,
                  to.begin() + static_cast<int64_t>(place * size));
    };
    const auto x_dim = static_cast<size_t>(batch.x_dim);
    piece_.x.resize(piece_.theta.size() / dim_ * x_dim);
    copy(theta, dim_, piece_.theta);
    copy(batch.x, x_dim, piece_.x);
  }

  const StreamSetup& setup_;
  const ThetaDraws& draws_;
  const int64_t first_row_;
  const size_t dim_;
  std::vector<size_t> open_;  ///< places without a simulation, ascending
  int64_t in_a_row_ = 0;      ///< failures since the last success
  Piece piece_;
};

SimulationStream::SimulationStream(StreamSetup setup)
    : setup_(std::move(setup)),
      draws_(*setup_.prior, setup_.seed),
      most_ahead_(setup_.workers * setup_.ranks->size()) {
  for (int i = 0; i < setup_.workers; ++i) threads_.emplace_back([this] { work(); });
}

SimulationStream::~SimulationStream() {
  {
    const std::scoped_lock lock(guard_);
    ends_ = true;
    *setup_.ends = 1;
  }
  wanted_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void SimulationStream::work() {
  std::unique_lock lock(guard_);
  while (true) {
    wanted_.wait(lock, [&] { return ends_ || (turn_ > 0 && next_ < oldest_ + most_ahead_); });
    if (ends_) return;
    const int64_t number = next_, turn = turn_;
    next_ += setup_.ranks->size();
    lock.unlock();
    Piece piece;
    try {
      piece = Maker(setup_, draws_, number).make();
    } catch (...) {
      piece.problem = std::current_exception();
    }
    lock.lock();
    if (turn != turn_) continue;
    pieces_[number] = std::move(piece);
    made_.notify_all();
  }
}

void SimulationStream::begin_at(int64_t first) {
  ++turn_;
  pieces_.clear();
  oldest_ = first / setup_.piece_rows;
  shared_ = -1;
  const int64_t ranks = setup_.ranks->size();
  next_ = oldest_ + ((setup_.ranks->rank() - oldest_) % ranks + ranks) % ranks;
  wanted_.notify_all();
}

const SimulationStream::Piece& SimulationStream::wait_for(int64_t number,
                                                          std::unique_lock<std::mutex>& lock) {
  constexpr auto look_at_signals = std::chrono::milliseconds(50);
  const double begin = core::steady_seconds();
  const auto heed_signal = [&] {
    const int signal = setup_.stop ? setup_.stop() : 0;
    if (signal) throw core::Interrupted(signal, std::string("stopped by ") + core::signal_name(signal));
  };
  while (!made_.wait_for(lock, look_at_signals, [&] { return pieces_.contains(number); })) heed_signal();
  counts_.waited_seconds += core::steady_seconds() - begin;
  const Piece& piece = pieces_.at(number);
  if (piece.problem) {
    heed_signal();  // it ends the simulator, too
    std::rethrow_exception(piece.problem);
  }
  return piece;
}

const SimulationStream::Piece& SimulationStream::piece_of_ranks(int64_t number,
                                                                std::unique_lock<std::mutex>& lock) {
  if (setup_.ranks->alone()) return wait_for(number, lock);
  if (number <= shared_) return pieces_.at(number);
  Piece piece;
  std::string problem;  // of the rank that makes it
  if (number % setup_.ranks->size() == setup_.ranks->rank()) {
    try {
      piece = wait_for(number, lock);
    } catch (const core::Interrupted& interrupted) {
      problem = std::string(signal_mark) + std::to_string(interrupted.signal());
    } catch (const std::exception& failure) {
      problem = failure.what();
    }
  }
  const double begin = core::steady_seconds();
  lock.unlock();  // the threads go on making pieces
  piece = exchanged(number, std::move(piece), problem);
  lock.lock();
  counts_.waited_seconds += core::steady_seconds() - begin;
  shared_ = number;
  return pieces_[number] = std::move(piece);
}

// The piece of the rank that has it, on all ranks; throws on all what has kept that rank from it.
SimulationStream::Piece SimulationStream::exchanged(int64_t number, Piece piece, const std::string& problem) {
  distributed::Communicator& ranks = *setup_.ranks;
  const auto owner = static_cast<int>(number % ranks.size());
  const std::string why = ranks.broadcast(problem, owner);
  if (why.starts_with(signal_mark)) {
    const int signal = std::stoi(why.substr(signal_mark.size()));
    throw core::Interrupted(signal, std::string("stopped by ") + core::signal_name(signal));
  }
  if (!why.empty()) throw core::UserError(owner == 0 ? why : ranks.name_of(owner) + ": " + why);
  ranks.broadcast(piece.theta, owner);
  ranks.broadcast(piece.x, owner);
  piece.first_failure = ranks.broadcast(piece.first_failure, owner);
  piece.failed = static_cast<int64_t>(ranks.broadcast(static_cast<double>(piece.failed), owner));
  return piece;
}

void SimulationStream::note_failures(const Piece& piece) {
  if (piece.failed > 0 && counts_.failed == 0 && setup_.ranks->leads()) {
    core::log::warning(
        setup_.name + ": simulations fail, the first one at " + piece.first_failure +
        "; another draw of the prior takes the place of each, so the model learns the posterior given "
        "that the simulator succeeds");
  }
  counts_.failed += piece.failed;
}

void SimulationStream::read(int64_t first, int64_t count, std::vector<double>& theta,
                            std::vector<double>& x) {
  std::unique_lock lock(guard_);
  if (first != position_) begin_at(first);
  position_ = -1;  // until all is well
  theta.clear();
  x.clear();
  for (int64_t row = first; row < first + count;) {
    const int64_t number = row / setup_.piece_rows, begin = row % setup_.piece_rows;
    const int64_t end = std::min(setup_.piece_rows, begin + first + count - row);
    const Piece& piece = piece_of_ranks(number, lock);
    const auto add = [&](const std::vector<double>& from, std::vector<double>& to) {
      const int64_t size = std::ssize(from) / setup_.piece_rows;
      to.insert(to.end(), from.begin() + begin * size, from.begin() + end * size);
    };
    add(piece.theta, theta);
    add(piece.x, x);
    if (begin == 0) note_failures(piece);
    row += end - begin;
    if (end < setup_.piece_rows) continue;
    pieces_.erase(number);
    oldest_ = number + 1;
    wanted_.notify_all();
  }
  if (rounds_x_)
    std::transform(x.begin(), x.end(), x.begin(), [](double v) { return static_cast<float>(v); });
  counts_.rows += count;
  position_ = first + count;
}

void SimulationStream::keep_ahead(int64_t rows) {
  const std::scoped_lock lock(guard_);
  most_ahead_ = std::max<int64_t>(setup_.workers * setup_.ranks->size(),
                                  (rows + setup_.piece_rows - 1) / setup_.piece_rows + 1);
  wanted_.notify_all();
}

void SimulationStream::round_x() {
  const std::scoped_lock lock(guard_);
  rounds_x_ = true;
}

StreamCounts SimulationStream::counts() const {
  const std::scoped_lock lock(guard_);
  return counts_;
}

}  // namespace fluxsbi::data
