#include <algorithm>

#include "core/error.hpp"
#include "io/content.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_file.hpp"
#include "io/hdf5_remarks.hpp"
#include "io/isolated.hpp"
#include "io/source.hpp"

namespace fluxsbi::io {

namespace {

using Keys = std::vector<std::string>;

struct Request {
  std::string name;
  std::optional<std::span<const std::byte>> image;  ///< the file's bytes, where they are in memory
  uint64_t size = 0;
  std::optional<Keys> keys;
  bool only_list = false;
};

// Runs in the child: a record for each dataset: name, dtype, axes, lengths, values, what is said of them. A
// list has a problem behind each name, and nothing else where there is one, and no values.
void send_file(const Request& request, Isolated::Outlet& out) {
  h5::prepare_library();
  h5::File file(h5::open_file(request.name, request.image), request.name, request.size);
  if (request.keys) file.require(*request.keys);
  for (const auto& name : file.datasets()) {
    if (request.keys && !std::count(request.keys->begin(), request.keys->end(), name)) continue;
    const h5::Dataset dataset = request.only_list ? file.open(name) : file.open_numbers(name);
    out.begin_record();
    out.send(name);
    if (request.only_list) out.send(dataset.dtype ? "" : "holds " + dataset.problem);
    if (!dataset.dtype) continue;
    out.send(static_cast<uint64_t>(*dataset.dtype));
    out.send(dataset.shape.size());
    for (const int64_t n : dataset.shape) out.send(static_cast<uint64_t>(n));
    if (request.only_list) continue;
    const uint64_t missing =
        file.read_pieces(dataset, [&](std::span<const std::byte> values) { out.send(values); });
    h5::send_remarks(dataset, missing, out);
  }
  if (!request.only_list) return;
  for (const auto& name : file.links()) {
    out.begin_record();
    out.send(name);
    out.send(std::string(h5::link_problem));
  }
}

Isolated start(const Request& request) {
  constexpr uint64_t slow_bytes_a_second = 5'000'000, least_seconds = 60, working_memory = uint64_t{1} << 30;
  return Isolated({request.name, "the HDF5 library", "it is damaged: copy or make it again",
                   working_memory + 2 * request.size, least_seconds + request.size / slow_bytes_a_second},
                  [&](Isolated::Outlet& out) { send_file(request, out); });
}

ArrayInfo receive_info(Isolated& child, const std::string& name, bool only_list) {
  ArrayInfo info{child.receive_text(), {}, {}};
  if (only_list) info.problem = child.receive_text();
  if (!info.problem.empty()) return info;
  const uint64_t dtype = child.receive_number(), axes = child.receive_number();
  const bool plausible = dtype <= static_cast<uint64_t>(DType::boolean) && axes <= H5S_MAX_RANK;
  if (!plausible) throw core::UserError(name + ": the HDF5 library fails on this file, which is damaged");
  info.dtype = static_cast<DType>(dtype);
  for (uint64_t axis = 0; axis < axes; ++axis)
    info.shape.push_back(static_cast<int64_t>(child.receive_number()));
  return info;
}

uint64_t size_of_hdf5(const std::string& path) {
  const FileSource file(path);
  refuse_other_content(file, Content::hdf5, "HDF5");
  return file.size();
}

Arrays receive_arrays(const Request& request) {
  Isolated child = start(request);
  Arrays arrays;
  while (child.next()) {
    ArrayInfo info = receive_info(child, request.name, false);
    Array array{info.dtype, std::move(info.shape), {}};
    array.bytes = room_for(checked_bytes(array.shape, array.dtype).value_or(0), request.name);
    child.receive(array.bytes);
    log_remarks(child, request.name, info.name);
    arrays.insert_or_assign(std::move(info.name), std::move(array));
  }
  return arrays;
}

}  // namespace

Arrays load_hdf5(const std::string& path, const std::optional<std::vector<std::string>>& keys) {
  return receive_arrays({path, {}, size_of_hdf5(path), keys, false});
}

Arrays parse_hdf5(std::span<const std::byte> bytes, const std::string& name) {
  return receive_arrays({name, bytes, bytes.size(), {}, false});
}

std::vector<ArrayInfo> list_hdf5(const std::string& path) {
  const Request request{path, {}, size_of_hdf5(path), {}, true};
  Isolated child = start(request);
  std::vector<ArrayInfo> list;
  while (child.next()) list.push_back(receive_info(child, path, true));
  return list;
}

}  // namespace fluxsbi::io
