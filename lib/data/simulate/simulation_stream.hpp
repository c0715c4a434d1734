// Simulations without end, made ahead of whoever reads them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "data/prior/prior.hpp"
#include "data/simulate/row_simulator.hpp"
#include "data/simulate/simulate.hpp"
#include "distributed/communicator.hpp"

namespace fluxsbi::data {

/// What a stream is made by.
struct StreamSetup {
  std::shared_ptr<const Prior> prior;
  std::shared_ptr<RowSimulator> simulator;
  std::string name;        ///< for messages: "task two_moons" or "simulator.command"
  uint64_t seed = 0;       ///< of theta; the simulator has its own
  int64_t piece_rows = 1;  ///< rows that are simulated at once
  int workers = 1;         ///< threads that simulate
  /// Set to 1 when the stream ends. A simulator that runs commands looks at it to end them.
  std::shared_ptr<std::atomic<int>> ends = std::make_shared<std::atomic<int>>(0);
  /// The number of the signal that asks to stop, or 0; looked at while a reader waits.
  std::function<int()> stop;
  /// Who reads the stream together: piece p is made by rank p modulo their number and sent to all.
  std::shared_ptr<distributed::Communicator> ranks = std::make_shared<distributed::Communicator>();
};

/// What a stream has given so far.
struct StreamCounts {
  int64_t rows = 0;           ///< that were read
  int64_t failed = 0;         ///< simulations that failed, and whose places others have taken
  double waited_seconds = 0;  ///< by the reader, for simulations
};

/// Row i of the stream is a draw of the prior and its simulation; it depends on the seed, i and, for a
/// command, on the cut into pieces of piece_rows rows. Worker threads simulate the pieces that come next, up
/// to a limit.
///
/// A simulation that fails gives its place to another draw. Those of a piece are drawn again together, as the
/// rows round * 2^40 + first row of the piece, ..., until every place is taken; so a row is the same again
/// whoever reads it, and whatever was read before.
///
/// Several ranks read the same rows at the same time; each simulates its share of them.
class SimulationStream {
 public:
  /// So many failures in a row within a piece, with no success among them, end the stream.
  static constexpr int64_t broken_after_failures = 1000;

  explicit SimulationStream(StreamSetup setup);
  ~SimulationStream();
  SimulationStream(const SimulationStream&) = delete;
  SimulationStream& operator=(const SimulationStream&) = delete;

  /// Rows first, ..., first + count - 1: theta [count, theta dim] and x [count, x dim]. Waits for them. Rows
  /// that do not follow those read last begin anew there. The first failure is logged as a warning. Throws
  /// UserError where the simulator has broken down, and core::Interrupted where a signal asks to stop while
  /// it waits; the same rows can be asked for again. For one thread at a time. Of several ranks all are given
  /// the same rows, or all throw the same.
  void read(int64_t first, int64_t count, std::vector<double>& theta, std::vector<double>& x);

  /// Simulates up to so many rows ahead of the reader (default: a piece for each worker).
  void keep_ahead(int64_t rows);

  /// Rounds all x that are read from now on to float32.
  void round_x();

  StreamCounts counts() const;
  int workers() const { return setup_.workers; }

 private:
  struct Piece {
    std::vector<double> theta, x;  ///< [piece_rows, dim]
    int64_t failed = 0;
    std::string first_failure;
    std::exception_ptr problem;  ///< instead of rows
  };
  class Maker;

  void work();
  void begin_at(int64_t first);
  const Piece& wait_for(int64_t number, std::unique_lock<std::mutex>& lock);
  const Piece& piece_of_ranks(int64_t number, std::unique_lock<std::mutex>& lock);
  Piece exchanged(int64_t number, Piece piece, const std::string& problem);
  void note_failures(const Piece& piece);

  const StreamSetup setup_;
  const ThetaDraws draws_;
  mutable std::mutex guard_;
  std::condition_variable wanted_, made_;
  int64_t turn_ =
      0;  ///< grows when reading begins anew, which voids the pieces in work; 0: nothing was asked for
  int64_t position_ = -1;          ///< the row after those read last; -1: none
  int64_t oldest_ = 0, next_ = 0;  ///< numbers of the pieces: not yet read to its end, to be made next here
  int64_t shared_ = -1;            ///< the last piece that all ranks have
  int64_t most_ahead_;             ///< pieces
  bool ends_ = false, rounds_x_ = false;
  std::map<int64_t, Piece> pieces_;
  StreamCounts counts_;
  std::vector<std::thread> threads_;
};

}  // namespace fluxsbi::data
