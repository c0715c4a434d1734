// Arrays from and to files of any format that fluxsbi knows, chosen by the file's extension.
#pragma once

#include <string>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::io {

/// A file's arrays by name. .npz and .h5/.hdf5: their keys (HDF5: datasets of the root and of groups,
/// "group/name"); .npy: one array named "array"; text (.csv, .txt, .dat, .tsv; io/csv.hpp): one [rows,
/// columns] float64 array named "array"; .safetensors: its tensors. `columns` holds the names of a text
/// file's columns; it is empty for text without names and for other files.
struct FileContent {
  Arrays arrays;
  std::vector<std::string> columns;
};

/// Throws UserError for an unknown extension (names those known), an unreadable file, or bad content.
FileContent load_arrays(const std::string& path);

/// Only the named keys (for large npz and HDF5 files). A missing key is a UserError that names the keys there
/// are.
FileContent load_arrays(const std::string& path, const std::vector<std::string>& keys);

/// The arrays of a file with dtype and shape, without reading the data where the format allows it. What
/// load_arrays refuses (text, objects, complex numbers, links) has a `problem`.
std::vector<ArrayInfo> list_arrays(const std::string& path);

/// Writes atomically. .npz, .h5: all arrays; .npy and .csv: exactly one array (CSV: rank 1 or 2, `columns` as
/// header; as many digits as read back the same value: at most 17 for float64, 9 for float32). bfloat16 is
/// written as float32, which holds it exactly: only safetensors knows it.
void save_arrays(const std::string& path, const Arrays& arrays, const std::vector<std::string>& columns = {});

/// Whether the extension is that of a table as text.
bool is_text_table(const std::string& path);

/// The extensions that save_arrays writes: ".npz", ".npy", ".h5", ".hdf5", ".csv".
const std::vector<std::string>& writable_extensions();

}  // namespace fluxsbi::io
