#include "model/simformer/edges.hpp"

#include <algorithm>

#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/files.hpp"

namespace fluxsbi::model {

EdgeRows load_edges(const std::string& path) {
  const io::FileContent content = io::load_arrays(path);
  const auto found = content.arrays.find("array");  // the one of .npy and .csv
  if (found == content.arrays.end())
    throw core::UserError(path + ": an edge mask is one array; give it as .npy or .csv");
  const io::Array& array = found->second;
  if (array.shape.size() != 2 || array.shape[0] != array.shape[1]) {
    throw core::UserError(path + ": an edge mask is square, [tokens, tokens]; found shape " +
                          core::shape_text(array.shape));
  }
  const std::vector<double> values = array.to_double();
  const auto tokens = static_cast<size_t>(array.shape[0]);
  EdgeRows rows(tokens, std::string(tokens, '0'));
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t row = i / tokens, column = i % tokens;
    if (values[i] != 0 && values[i] != 1) {
      throw core::UserError(
          path + ": row " + std::to_string(row + 1) + ", column " + std::to_string(column + 1) + " is " +
          core::number_text(values[i]) +
          "; an edge mask holds 0 and 1 only (1: the row's token may attend to the column's)");
    }
    if (values[i] == 1) rows[row][column] = '1';
  }
  return rows;
}

std::string edges_problem(const EdgeRows& rows, int64_t tokens) {
  const auto expected = static_cast<size_t>(tokens);
  if (rows.size() != expected) {
    return "has " + std::to_string(rows.size()) + " rows, but theta and x have " + std::to_string(tokens) +
           " tokens together";
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool digits = rows[i].find_first_not_of("01") == std::string::npos;
    if (digits && rows[i].size() == expected) continue;
    return "has row " + std::to_string(i + 1) + " = '" + rows[i] + "'; a row is " + std::to_string(tokens) +
           " digits 0 or 1, one a token";
  }
  return "";
}

bool joins_all(const EdgeRows& rows) {
  return std::all_of(rows.begin(), rows.end(),
                     [](const std::string& row) { return row.find('0') == std::string::npos; });
}

at::Tensor edge_table(const EdgeRows& rows) {
  const auto tokens = static_cast<int64_t>(rows.size());
  const at::Tensor table = at::zeros({tokens, 1, tokens}, at::kFloat);
  float* out = table.mutable_data_ptr<float>();
  for (const std::string& row : rows) {
    for (const char digit : row) *out++ = digit == '1' ? 1.0F : 0.0F;
  }
  return table;
}

}  // namespace fluxsbi::model
