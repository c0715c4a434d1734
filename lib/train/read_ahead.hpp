// Batches that are read before they are asked for.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace fluxsbi::train {

/// One thread fills the places of a ring with the batches of consecutive steps, as many ahead as there are
/// places. It lives as long as the object, so that a step costs no start of a thread.
class ReadAhead {
 public:
  /// read(step, place) fills place 0 <= place < places with the rows of a step. It is called by the thread
  /// alone, for ascending steps unless take() asks for another one.
  ReadAhead(int64_t places, std::function<void(int64_t step, int64_t place)> read);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  /// Waits for the rows of `step` and returns their place, which stays as it is until the next call. Another
  /// step than the one after the last begins anew there. Throws what read() threw for the step; reading then
  /// begins anew with the next call.
  int64_t take(int64_t step);

 private:
  void run();
  void begin_at(int64_t step, std::unique_lock<std::mutex>& lock);

  const int64_t places_;
  const std::function<void(int64_t, int64_t)> read_;
  std::mutex guard_;
  std::condition_variable changed_;
  bool ends_ = false, reading_ = false;
  int64_t first_ = -1;  ///< the step that the counts below begin with; -1: nothing was asked for
  int64_t read_count_ = 0, taken_count_ = 0;
  std::exception_ptr problem_;  ///< of step first_ + read_count_; nothing is read behind it
  std::thread thread_;
};

}  // namespace fluxsbi::train
