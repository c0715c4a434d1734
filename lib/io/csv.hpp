// Tables of numbers as text: CSV (RFC 4180), and what other programs write in its place.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::io {

struct Csv {
  std::vector<std::string> columns;  ///< names of the columns, all different; empty: the file names none
  Array values;                      ///< [rows, columns] float64
  std::vector<std::string> remarks;  ///< what was left out or assumed, a sentence each
};

struct CsvOptions {
  /// An empty line of a file of one column is a row whose cell is missing; otherwise it is skipped.
  bool empty_line_is_row = false;
  /// Whether a column of this name is read; its cells may hold anything otherwise. It is asked for each name,
  /// in the order of the file. Empty: all are read. Where none is read `values` is [0, 0].
  std::function<bool(const std::string& name)> wanted = {};
};

/// Reads names and numbers. Columns are separated by commas, semicolons, tabs or blanks, as the first two
/// lines tell. Quotes as in RFC 4180, lines ended by LF, CRLF or CR, a byte order mark, blanks around
/// numbers, empty lines and whole lines of comment (# or %) are allowed. The names stand in the first line,
/// or in a comment before it with as many words as it has numbers (numpy.savetxt); a file may have no names
/// at all.
///
/// Cells are decimal numbers, with exponents of E or of Fortran's D; nan, inf, -inf; true and false, which
/// are 1 and 0. A missing cell is NaN: an empty one, NA, N/A, <NA>, #N/A, NULL, None, missing, "-" and "."
/// (in any case of letters). Columns without a name (the index that pandas writes) are left out with a
/// remark. Throws UserError with line and column for any other text, and for a row that is longer or shorter
/// than the first line.
///
/// load_csv logs the remarks, each once.
Csv load_csv(const std::string& path, const CsvOptions& options = {});
/// The same for a file's text; `name` stands for the path in messages.
Csv parse_csv(std::string_view text, const std::string& name, const CsvOptions& options = {});

/// Writes atomically an array of rank 1 (one column) or 2. Without `columns` they are called column_0,
/// column_1, ... Numbers have as many digits as are needed to read back the same value. Throws UserError for
/// another rank.
void save_csv(const std::string& path, const Array& array, const std::vector<std::string>& columns = {});

/// The same lines of text for rows [n, columns] of a table that is written while its rows come, and its first
/// line.
std::string csv_lines(std::span<const double> values, size_t columns);
std::string csv_head(const std::vector<std::string>& columns);

/// A name as a field of CSV: in quotes where it holds a comma, a quote or the end of a line.
std::string csv_field(const std::string& name);

}  // namespace fluxsbi::io
