#include "data/source/row_array.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "io/npy_rows.hpp"

namespace fluxsbi::data {

namespace {

bool is_single(io::DType dtype) {
  using io::DType;
  constexpr DType wider[] = {DType::f64, DType::i32, DType::i64, DType::u32, DType::u64};
  return std::find(std::begin(wider), std::end(wider), dtype) == std::end(wider);
}

int64_t row_size_of(const std::vector<int64_t>& shape) {
  int64_t size = 1;
  for (size_t axis = 1; axis < shape.size(); ++axis) size *= shape[axis];
  return size;
}

class MemoryRows final : public RowArray {
 public:
  explicit MemoryRows(io::Array array)
      : RowArray(array.shape.at(0), row_size_of(array.shape), data::is_single(array.dtype)),
        array_(std::move(array)) {}

  bool in_memory() const override { return true; }
  void read(int64_t first, int64_t count, std::span<double> out) const override {
    const size_t row_bytes = static_cast<size_t>(row_size()) * size_of(array_.dtype);
    const auto bytes = std::span(array_.bytes);
    to_double(array_.dtype,
              bytes.subspan(static_cast<size_t>(first) * row_bytes, static_cast<size_t>(count) * row_bytes),
              out);
  }

 private:
  io::Array array_;
};

std::vector<io::RowRun> runs_of(std::span<const int64_t> rows) {
  std::vector<io::RowRun> runs;
  for (const int64_t row : rows) {
    if (!runs.empty() && runs.back().first + runs.back().count == row) {
      ++runs.back().count;
    } else {
      runs.push_back({row, 1});
    }
  }
  return runs;
}

class NpyFileRows final : public RowArray {
 public:
  explicit NpyFileRows(std::unique_ptr<io::NpyRows> file)
      : RowArray(file->rows(), row_size_of(file->shape()), data::is_single(file->dtype())),
        file_(std::move(file)) {}

  bool in_memory() const override { return false; }
  void read(int64_t first, int64_t count, std::span<double> out) const override {
    const io::RowRun run{first, count};
    read_runs(std::span(&run, 1), out);
  }
  void gather(std::span<const int64_t> rows, std::span<double> out) const override {
    read_runs(runs_of(rows), out);
  }

 private:
  void read_runs(std::span<const io::RowRun> runs, std::span<double> out) const {
    std::vector<std::byte> bytes(out.size() * size_of(file_->dtype()));
    auto rest = std::span(bytes);
    for (const io::RowRun& run : runs) {
      const size_t length = static_cast<size_t>(run.count) * file_->row_bytes();
      file_->read(run.first, run.count, rest.first(length));
      rest = rest.subspan(length);
    }
    to_double(file_->dtype(), bytes, out);
  }

  std::unique_ptr<io::NpyRows> file_;
};

class Hdf5DatasetRows final : public RowArray {
 public:
  Hdf5DatasetRows(std::shared_ptr<const io::Hdf5Rows> file, size_t index)
      : RowArray(file->datasets()[index].shape.at(0), row_size_of(file->datasets()[index].shape),
                 data::is_single(file->datasets()[index].dtype)),
        file_(std::move(file)),
        index_(index) {}

  bool in_memory() const override { return false; }
  void read(int64_t first, int64_t count, std::span<double> out) const override {
    const io::RowRun run{first, count};
    read_runs(std::span(&run, 1), out);
  }
  void gather(std::span<const int64_t> rows, std::span<double> out) const override {
    read_runs(runs_of(rows), out);
  }

 private:
  void read_runs(std::span<const io::RowRun> runs, std::span<double> out) const {
    const io::DType dtype = file_->datasets()[index_].dtype;
    std::vector<std::byte> bytes(out.size() * size_of(dtype));
    file_->read(index_, runs, bytes);
    to_double(dtype, bytes, out);
  }

  std::shared_ptr<const io::Hdf5Rows> file_;
  size_t index_;
};

class NoRows final : public RowArray {
 public:
  explicit NoRows(int64_t rows) : RowArray(rows, 0, true) {}
  bool in_memory() const override { return true; }
  void read(int64_t, int64_t, std::span<double>) const override {}
};

int64_t total_rows(const std::vector<RowArrayPtr>& parts) {
  int64_t rows = 0;
  for (const auto& part : parts) rows += part->rows();
  return rows;
}

bool all_single(const std::vector<RowArrayPtr>& parts) {
  return std::all_of(parts.begin(), parts.end(), [](const RowArrayPtr& part) { return part->is_single(); });
}

class JoinedRows final : public RowArray {
 public:
  explicit JoinedRows(std::vector<RowArrayPtr> parts)
      : RowArray(total_rows(parts), parts.at(0)->row_size(), all_single(parts)), parts_(std::move(parts)) {
    for (const auto& part : parts_) {
      core::require(part->row_size() == row_size(), "joined rows have one size");
      ends_.push_back((ends_.empty() ? 0 : ends_.back()) + part->rows());
    }
  }

  bool in_memory() const override {
    return std::all_of(parts_.begin(), parts_.end(),
                       [](const RowArrayPtr& part) { return part->in_memory(); });
  }

  void read(int64_t first, int64_t count, std::span<double> out) const override {
    const auto width = static_cast<size_t>(row_size());
    while (count > 0) {
      const size_t part = part_of(first);
      const int64_t here = std::min(count, ends_[part] - first);
      const size_t numbers = static_cast<size_t>(here) * width;
      parts_[part]->read(first - begin_of(part), here, out.first(numbers));
      out = out.subspan(numbers);
      first += here;
      count -= here;
    }
  }

  void gather(std::span<const int64_t> rows, std::span<double> out) const override {
    const auto width = static_cast<size_t>(row_size());
    std::vector<int64_t> local;
    for (size_t at = 0; at < rows.size(); at += local.size()) {
      const size_t part = part_of(rows[at]);
      local.clear();
      for (size_t i = at; i < rows.size() && rows[i] < ends_[part]; ++i)
        local.push_back(rows[i] - begin_of(part));
      parts_[part]->gather(local, out.subspan(at * width, local.size() * width));
    }
  }

 private:
  size_t part_of(int64_t row) const {
    return static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), row) - ends_.begin());
  }
  int64_t begin_of(size_t part) const { return part == 0 ? 0 : ends_[part - 1]; }

  std::vector<RowArrayPtr> parts_;
  std::vector<int64_t> ends_;  ///< number of the row after each part's last
};

}  // namespace

void RowArray::gather(std::span<const int64_t> rows, std::span<double> out) const {
  const auto width = static_cast<size_t>(row_size());
  for (size_t i = 0; i < rows.size(); ++i) read(rows[i], 1, out.subspan(i * width, width));
}

RowArrayPtr rows_in_memory(io::Array array) {
  return std::make_shared<MemoryRows>(std::move(array));
}

RowArrayPtr rows_of_nothing(int64_t rows) {
  return std::make_shared<NoRows>(rows);
}

RowArrayPtr rows_of_npy(const std::string& path) {
  return std::make_shared<NpyFileRows>(std::make_unique<io::NpyRows>(path));
}

RowArrayPtr rows_of_hdf5(std::shared_ptr<const io::Hdf5Rows> file, size_t index) {
  return std::make_shared<Hdf5DatasetRows>(std::move(file), index);
}

RowArrayPtr joined_rows(std::vector<RowArrayPtr> parts) {
  if (parts.size() == 1) return parts.front();
  return std::make_shared<JoinedRows>(std::move(parts));
}

}  // namespace fluxsbi::data
