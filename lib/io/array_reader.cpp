#include "io/array_reader.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/error.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_rows.hpp"
#include "io/npy.hpp"
#include "io/npz.hpp"
#include "io/output.hpp"
#include "io/source.hpp"
#include "io/zip.hpp"

namespace fluxsbi::io {

namespace {

// The arrays of a list that can be read, with their axes.
std::vector<ArrayInfo> readable(std::vector<ArrayInfo> all) {
  std::erase_if(all, [](const ArrayInfo& info) { return !info.problem.empty() || info.shape.empty(); });
  return all;
}

uint64_t bytes_of(const ArrayInfo& info, const std::string& path) {
  const auto bytes = checked_bytes(info.shape, info.dtype);
  if (!bytes) throw core::UserError(path + ": the shape of '" + info.name + "' is damaged");
  return *bytes;
}

}  // namespace

struct ArrayReader::Format {
  virtual ~Format() = default;
  virtual void read(const ArrayInfo& info, std::span<std::byte> out) = 0;

  std::string path;
  std::vector<ArrayInfo> arrays;
};

struct ArrayReader::Npz : Format {
  explicit Npz(const std::string& name) : source(name) {
    path = name;
    arrays = readable(list_npz(name));
    for (auto& member : zip::read_directory(source)) {
      std::string key = member.name.substr(0, member.name.rfind(".npy"));
      members.emplace(std::move(key), std::move(member));
    }
  }

  void read(const ArrayInfo& info, std::span<std::byte> out) override {
    std::unique_ptr<zip::MemberStream>& stream = streams[info.name];
    if (!stream) {
      stream = std::make_unique<zip::MemberStream>(source, members.at(info.name),
                                                   path + ": array '" + info.name + "'");
      const NpyHeader header = read_npy_header(*stream);
      if (header.big_endian || (header.fortran_order && header.shape.size() > 1))
        stream->fail("is big-endian or in Fortran order, as fluxsbi writes none");
      if (header.data_bytes != stream->remaining()) stream->fail("is truncated or damaged");
    }
    stream->read(out);
    if (stream->remaining() == 0) stream->check();
  }

  FileSource source;
  std::map<std::string, zip::Member> members;
  std::map<std::string, std::unique_ptr<zip::MemberStream>> streams;
};

struct ArrayReader::Hdf5 : Format {
  explicit Hdf5(const std::string& name) {
    path = name;
    arrays = readable(list_hdf5(name));
    std::vector<std::string> keys;
    for (const ArrayInfo& info : arrays) keys.push_back(info.name);
    rows = std::make_unique<Hdf5Rows>(name, keys);
  }

  void read(const ArrayInfo& info, std::span<std::byte> out) override {
    const auto index = static_cast<size_t>(&info - arrays.data());
    const uint64_t all = bytes_of(info, path);
    if (all == 0) return;
    const uint64_t row_bytes = all / static_cast<uint64_t>(info.shape[0]);
    core::require(out.size() % row_bytes == 0, "ArrayReader reads whole rows");
    int64_t& next = places[info.name];
    const RowRun run{next, static_cast<int64_t>(out.size() / row_bytes)};
    rows->read(index, std::span(&run, 1), out);
    next += run.count;
  }

  std::unique_ptr<Hdf5Rows> rows;
  std::map<std::string, int64_t> places;
};

ArrayReader::ArrayReader(const std::string& path) {
  const std::string extension = extension_of(path);
  if (extension == ".npz") {
    format_ = std::make_unique<Npz>(path);
  } else if (extension == ".h5" || extension == ".hdf5") {
    format_ = std::make_unique<Hdf5>(path);
  } else {
    throw core::UserError(path + ": only .npz, .h5 and .hdf5 files are read here");
  }
}

ArrayReader::~ArrayReader() = default;
ArrayReader::ArrayReader(ArrayReader&&) noexcept = default;

const std::vector<ArrayInfo>& ArrayReader::arrays() const {
  return format_->arrays;
}

const ArrayInfo* ArrayReader::find(const std::string& name) const {
  const auto found = std::find_if(format_->arrays.begin(), format_->arrays.end(),
                                  [&](const ArrayInfo& info) { return info.name == name; });
  return found == format_->arrays.end() ? nullptr : &*found;
}

void ArrayReader::read(const std::string& name, std::span<std::byte> out) {
  const ArrayInfo* info = find(name);
  core::require(info != nullptr, "ArrayReader: the array was found before");
  if (!out.empty()) format_->read(*info, out);
}

std::vector<std::byte> ArrayReader::read_all(const std::string& name) {
  const ArrayInfo* info = find(name);
  core::require(info != nullptr, "ArrayReader: the array was found before");
  std::vector<std::byte> bytes = room_for(bytes_of(*info, format_->path), format_->path);
  read(name, bytes);
  return bytes;
}

}  // namespace fluxsbi::io
