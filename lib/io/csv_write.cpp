#include <array>
#include <charconv>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"

namespace fluxsbi::io {

namespace {

template <class T>
void write_rows(AtomicFile& file, const std::vector<T>& values, size_t columns) {
  std::array<char, 32> number;  // the longest shortest text of a double has 24 characters
  std::string line;
  for (size_t i = 0; i < values.size(); ++i) {
    line.append(number.data(), std::to_chars(number.data(), number.data() + number.size(), values[i]).ptr);
    const bool last = (i + 1) % columns == 0;
    line += last ? '\n' : ',';
    if (!last) continue;
    file.write(line);
    line.clear();
  }
}

}  // namespace

std::string csv_field(const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) return name;
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
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
