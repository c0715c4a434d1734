// Comma-separated numbers under a header of names (RFC 4180).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::io {

struct Csv {
  std::vector<std::string> columns;  ///< names of the first line: none is empty, none occurs twice
  Array values;                      ///< [rows, columns] float64
};

struct CsvOptions {
  /// A cell that is empty or says NA (in any case) is NaN: a question to a joint model; otherwise an error.
  bool blank_as_nan = false;
};

/// Reads names and numbers. Quotes as in RFC 4180, lines ended by LF, CRLF or CR, a byte order mark, blanks
/// around numbers and empty lines are allowed; "nan", "inf" and "-inf" are numbers. Throws UserError with
/// line and column for a cell that is not a number, for a row that is longer or shorter than the header, and
/// for a first line that is not a header.
Csv load_csv(const std::string& path, const CsvOptions& options = {});
/// The same for a file's text; `name` stands for the path in messages.
Csv parse_csv(std::string_view text, const std::string& name, const CsvOptions& options = {});

/// Writes atomically an array of rank 1 (one column) or 2. Without `columns` they are called column_0,
/// column_1, ... Numbers have as many digits as are needed to read back the same value. Throws UserError for
/// another rank.
void save_csv(const std::string& path, const Array& array, const std::vector<std::string>& columns = {});

}  // namespace fluxsbi::io
