#include <algorithm>
#include <array>
#include <charconv>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"

namespace fluxsbi::io {

namespace {

template <class T>
std::string lines_of(std::span<const T> values, size_t columns) {
  std::array<char, 32> number;  // the longest shortest text of a double has 24 characters
  std::string lines;
  for (size_t i = 0; i < values.size(); ++i) {
    lines.append(number.data(), std::to_chars(number.data(), number.data() + number.size(), values[i]).ptr);
    lines += (i + 1) % columns == 0 ? '\n' : ',';
  }
  return lines;
}

template <class T>
void write_rows(AtomicFile& file, const std::vector<T>& values, size_t columns) {
  constexpr size_t rows_at_once = 1024;
  const std::span<const T> all(values);
  for (size_t begin = 0; begin < all.size(); begin += rows_at_once * columns)
    file.write(lines_of(all.subspan(begin, std::min(rows_at_once * columns, all.size() - begin)), columns));
}

}  // namespace

std::string csv_field(const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) return name;
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

std::string csv_lines(std::span<const double> values, size_t columns) {
  return lines_of(values, columns);
}

std::string csv_head(const std::vector<std::string>& columns) {
  std::string line;
  for (const std::string& name : columns) line += (line.empty() ? "" : ",") + csv_field(name);
  return line + "\n";
}

void save_csv(const std::string& path, const Array& array, const std::vector<std::string>& columns) {
  if (array.shape.empty() || array.shape.size() > 2) {
    throw core::UserError(path + ": CSV holds one table, but the array has the shape " +
                          core::shape_text(array.shape) + "; write it as .npz or .h5");
  }
  const auto width = static_cast<size_t>(array.shape.size() == 2 ? array.shape[1] : 1);
  if (width == 0) throw core::UserError(path + ": the table has no columns, which CSV cannot hold");
  core::require(columns.empty() || columns.size() == width, "save_csv: one name for each column");
  AtomicFile file(path);
  std::string header;
  for (size_t i = 0; i < width; ++i)
    header += (i ? "," : "") + (columns.empty() ? "column_" + std::to_string(i) : csv_field(columns[i]));
  file.write(header + "\n");
  switch (array.dtype) {
    case DType::f64:
      write_rows(file, array.to_double(), width);
      break;
    case DType::f16:
    case DType::bf16:
    case DType::f32:
      write_rows(file, array.to_float(), width);
      break;
    default:
      write_rows(file, array.to_int64(), width);
  }
  file.commit();
}

}  // namespace fluxsbi::io
