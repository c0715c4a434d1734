#include "core/stop.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <ctime>
#include <initializer_list>
#include <utility>

#include <unistd.h>

namespace fluxsbi::core {

namespace {

constexpr int code_goes_on = 75;                    // ExitCode::stopped
constexpr int64_t least_nanoseconds = 200'000'000;  // between two signals that count as two

volatile std::sig_atomic_t requested = 0;
std::atomic<int64_t> requested_at{0};
std::array<char, 512> words;  // what set_last_words has said, with a line's end
std::atomic<size_t> words_size{0};
const std::function<int()>* current_stop = nullptr;  // of the innermost scope

static_assert(std::atomic<int64_t>::is_always_lock_free && std::atomic<size_t>::is_always_lock_free,
              "a signal handler may use no locks");

int64_t now_in_handler() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void on_signal(int signal) {
  const int64_t now = now_in_handler();
  if (requested == 0) {
    requested_at = now;
    requested = signal;
    return;
  }
  if (now - requested_at < least_nanoseconds) return;
  const size_t size = words_size;
  if (size == 0) _exit(128 + signal);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, words.data(), size);
  _exit(code_goes_on);
}

}  // namespace

void watch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaction(signal, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);
}

int stop_requested() {
  return requested;
}

const char* signal_name(int signal) {
  switch (signal) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "a signal";
  }
}

void set_last_words(std::string_view text) {
  words_size = 0;  // a signal in between prints nothing of a text that is half there
  if (text.empty()) return;
  const size_t size = std::min(text.size(), words.size() - 1);
  std::copy_n(text.begin(), size, words.begin());
  words[size] = '\n';
  words_size = size + 1;
}

std::string last_words() {
  const size_t size = words_size;
  return size == 0 ? std::string() : std::string(words.data(), size - 1);
}

InterruptScope::InterruptScope(std::function<int()> stop)
    : stop_(std::move(stop)), outer_(std::exchange(current_stop, &stop_)) {}

InterruptScope::~InterruptScope() {
  current_stop = outer_;
}

void interruption_point() {
  if (current_stop == nullptr) return;
  if (const int signal = (*current_stop)()) {
    throw Interrupted(signal, std::string("stopped by ") + signal_name(signal) + "; nothing was written");
  }
}

}  // namespace fluxsbi::core
