#include "io/hdf5_rows.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <sys/socket.h>

#include "core/error.hpp"
#include "core/io_problem.hpp"
#include "io/hdf5_file.hpp"
#include "io/hdf5_remarks.hpp"
#include "io/isolated.hpp"
#include "io/source.hpp"

namespace fluxsbi::io {

namespace {

constexpr size_t cache_bytes = size_t{1} << 26;

// What precedes the runs of a request.
struct RequestHead {
  uint64_t dataset = 0, runs = 0;
};

// False at the end, when the program has closed its side or is gone.
bool receive(int socket, std::span<std::byte> bytes) {
  return core::read_all(socket, bytes) == bytes.size();
}

// Reads a dataset with a fill value once, so that it can be said how many cells hold it.
void send_infos(const h5::File& file, const std::vector<h5::Dataset>& datasets, Isolated::Outlet& out) {
  out.begin_record();
  for (const auto& dataset : datasets) {
    out.send(static_cast<uint64_t>(*dataset.dtype));
    out.send(dataset.shape.size());
    for (const int64_t n : dataset.shape) out.send(static_cast<uint64_t>(n));
    const bool may_lack = dataset.decoding->has_gaps() && !dataset.shape.empty();
    const auto pass_over = [](std::span<const std::byte>) {};
    h5::send_remarks(dataset, may_lack ? file.read_pieces(dataset, pass_over) : 0, out);
  }
}

void send_rows(const h5::File& file, const h5::Dataset& dataset, const std::vector<RowRun>& runs,
               Isolated::Outlet& out) {
  size_t row_bytes = size_of(*dataset.dtype);
  for (size_t axis = 1; axis < dataset.shape.size(); ++axis)
    row_bytes *= static_cast<size_t>(dataset.shape[axis]);
  std::vector<std::byte> values;
  out.begin_record();
  for (const RowRun& run : runs) {
    const auto first = static_cast<uint64_t>(run.first), count = static_cast<uint64_t>(run.count);
    values.resize(count * row_bytes);
    if (!values.empty()) file.read_rows(dataset, first, count, values);
    out.send(values);
  }
}

// Runs in the child: the datasets' types and shapes, then rows as they are asked for, until the program is
// gone. A signal to stop is the program's to act upon.
void serve(const std::string& path, uint64_t size, const std::vector<std::string>& keys, int socket,
           Isolated::Outlet& out) {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) std::signal(signal, SIG_IGN);
  h5::prepare_library();
  h5::File file(h5::open_file(path, {}), path, size);
  file.require(keys);
  std::vector<h5::Dataset> datasets;
  for (const auto& key : keys) datasets.push_back(file.open_numbers(key, cache_bytes));
  send_infos(file, datasets, out);
  RequestHead head;
  while (receive(socket, std::as_writable_bytes(std::span(&head, 1)))) {
    std::vector<RowRun> runs(head.runs);
    if (!receive(socket, std::as_writable_bytes(std::span(runs)))) return;
    send_rows(file, datasets.at(head.dataset), runs, out);
  }
}

}  // namespace

Hdf5Rows::Hdf5Rows(const std::string& path, const std::vector<std::string>& keys)
    : path_(path), size_(FileSource(path).size()) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw core::UserError(path + ": cannot be opened: " + core::io_problem(errno));
  requests_ = core::FileDescriptor(ends[0]);
  core::FileDescriptor served(ends[1]);
  constexpr uint64_t working_memory = uint64_t{1} << 30;
  child_ = std::make_unique<Isolated>(
      Isolated::Setting{path, "the HDF5 library", "it is damaged: copy or make it again", working_memory,
                        UINT64_MAX},
      [&](Isolated::Outlet& out) {
        requests_.reset();
        serve(path, size_, keys, served.number(), out);
      });
  served.reset();
  child_->next();
  for (const auto& key : keys) {
    ArrayInfo info{key, static_cast<DType>(child_->receive_number()), {}};
    info.shape.resize(std::min<uint64_t>(child_->receive_number(), H5S_MAX_RANK));
    for (auto& n : info.shape) n = static_cast<int64_t>(child_->receive_number());
    log_remarks(*child_, path, key);
    datasets_.push_back(std::move(info));
  }
}

Hdf5Rows::~Hdf5Rows() = default;

void Hdf5Rows::send(std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t done = ::send(requests_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return;  // the child has ended; what it left behind says why
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
}

void Hdf5Rows::read(size_t index, std::span<const RowRun> runs, std::span<std::byte> out) const {
  const std::scoped_lock lock(guard_);
  std::error_code gone;
  if (std::filesystem::file_size(path_, gone) < size_ && !gone)
    throw core::UserError(path_ + ": became shorter while it was read; is another program writing it?");
  const RequestHead head{index, runs.size()};
  send(std::as_bytes(std::span(&head, 1)));
  send(std::as_bytes(runs));
  if (!child_->next()) throw core::UserError(path_ + ": the process that read it has ended");
  child_->receive(out);
}

}  // namespace fluxsbi::io
