// The plug-in: ranks that talk by MPI. All traffic comes from one thread and never blocks inside MPI, so that
// a rank that waits leaves its core to others.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include <mpi.h>
#include <sched.h>

#include "distributed/plugin.hpp"

namespace fluxsbi::distributed {

namespace {

// MPI counts with int; a longer span goes in pieces.
constexpr size_t most_elements = size_t{1} << 28;

// The watch knows of a dead rank before MPI does, and ends this process; MPI's own words come only where it
// does not.
void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  std::this_thread::sleep_for(std::chrono::seconds(2));
  char text[MPI_MAX_ERROR_STRING] = {};
  int size = 0;
  MPI_Error_string(code, text, &size);
  throw std::runtime_error(std::string("MPI failed in ") + what + ": " + text);
}

// Polls: at first without a pause, because what is waited for mostly comes within the time that giving up the
// core would cost on a busy machine; then giving it up, and ever more seldom.
void wait_for(std::vector<MPI_Request> requests, const char* what) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::microseconds eager{300}, nap{50}, long_nap{1000}, patient{20000};
  const Clock::time_point begin = Clock::now();
  for (int done = 0;;) {
    check(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE), what);
    if (done != 0) return;
    const auto waited = Clock::now() - begin;
    if (waited < eager) continue;
    if (waited < patient) {
      sched_yield();
    } else {
      std::this_thread::sleep_for(waited < 100 * patient ? nap : long_nap);
    }
  }
}

class MpiTransport final : public Transport {
 public:
  explicit MpiTransport(MPI_Comm world) : world_(world) {
    MPI_Comm_rank(world_, &rank_);
    MPI_Comm_size(world_, &size_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  std::string description() const override {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
    int size = 0;
    MPI_Get_library_version(text, &size);
    const std::string all(text, static_cast<size_t>(size));
    return all.substr(0, all.find_first_of(",\n"));
  }

  void sum(std::span<float> values, std::span<float> few) override {
    size_t first = 0;
    for (; values.size() - first > most_elements; first += most_elements)
      sum_piece(values.subspan(first, most_elements), {});
    sum_piece(values.subspan(first), few);
  }

  void broadcast(std::span<std::byte> bytes, int root) override {
    for (size_t first = 0; first < bytes.size(); first += most_elements) {
      const auto piece = bytes.subspan(first, std::min(most_elements, bytes.size() - first));
      MPI_Request request;
      check(MPI_Ibcast(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, root, world_, &request),
            "a broadcast");
      wait_for({request}, "a broadcast");
    }
  }

  void gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    MPI_Request request;
    const auto count = static_cast<int>(mine.size());
    check(MPI_Iallgather(mine.data(), count, MPI_BYTE, all.data(), count, MPI_BYTE, world_, &request),
          "a gather");
    wait_for({request}, "a gather");
  }

  void barrier() override {
    MPI_Request request;
    check(MPI_Ibarrier(world_, &request), "a barrier");
    wait_for({request}, "a barrier");
  }

  void finish() override { check(MPI_Finalize(), "the end"); }

 private:
  // Each rank adds up one slice of the values of all ranks, in the order of ranks, and sends the sum to all.
  // That moves as few numbers as any way does, and MPI's own reductions promise no order.
  void sum_piece(std::span<float> values, std::span<float> few) {
    std::vector<int> count(ranks()), first(ranks()), own_count(ranks()), own_first(ranks());
    for (int rank = 0; rank < size_; ++rank) {
      const auto i = static_cast<size_t>(rank);
      first[i] = static_cast<int>(values.size() * i / ranks());
      count[i] = static_cast<int>(values.size() * (i + 1) / ranks()) - first[i];
    }
    const auto own = static_cast<size_t>(rank_);
    const auto length = static_cast<size_t>(count[own]);
    for (size_t i = 0; i < ranks(); ++i) {
      own_count[i] = count[own];
      own_first[i] = static_cast<int>(i * length);
    }
    slices_.resize(std::max(slices_.size(), length * ranks()));
    few_.resize(few.size() * ranks());
    MPI_Request scatter, little, spread;
    check(MPI_Ialltoallv(values.data(), count.data(), first.data(), MPI_FLOAT, slices_.data(),
                         own_count.data(), own_first.data(), MPI_FLOAT, world_, &scatter),
          "a sum");
    const auto few_count = static_cast<int>(few.size());
    check(
        MPI_Iallgather(few.data(), few_count, MPI_FLOAT, few_.data(), few_count, MPI_FLOAT, world_, &little),
        "a sum");
    wait_for({scatter, little}, "a sum");
    add_up(std::span(slices_).first(length * ranks()),
           values.subspan(static_cast<size_t>(first[own]), length));
    add_up(few_, few);
    check(MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, values.data(), count.data(), first.data(),
                          MPI_FLOAT, world_, &spread),
          "a sum");
    wait_for({spread}, "a sum");
  }

  // parts [size, sum.size()]
  void add_up(std::span<const float> parts, std::span<float> sum) const {
    std::copy_n(parts.begin(), sum.size(), sum.begin());
    for (size_t rank = 1; rank < ranks(); ++rank) {
      const float* part = parts.data() + rank * sum.size();
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
    }
  }

  size_t ranks() const { return static_cast<size_t>(size_); }

  MPI_Comm world_;
  int rank_ = 0, size_ = 1;
  std::vector<float> slices_;  // [size, own slice]
  std::vector<float> few_;     // [size, few]
};

}  // namespace

}  // namespace fluxsbi::distributed

int fluxsbi_mpi_plugin_abi() {
  return fluxsbi::distributed::mpi_plugin_abi;
}

fluxsbi::distributed::Transport* fluxsbi_mpi_open(int expected_size, int* found) {
#ifdef OPEN_MPI
  // Without a server of PMIx a process is by itself, or ends in MPI_Init with words of Open MPI's own.
  if (std::getenv("PMIX_NAMESPACE") == nullptr) {
    *found = 1;
    return nullptr;
  }
#endif
  int provided = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
    *found = 0;
    return nullptr;
  }
  MPI_Comm_size(MPI_COMM_WORLD, found);
  if (*found != expected_size) {
    MPI_Finalize();
    return nullptr;
  }
  MPI_Comm world = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &world);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
  return new fluxsbi::distributed::MpiTransport(world);
}
