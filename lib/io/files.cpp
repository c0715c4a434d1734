#include "io/files.hpp"

#include <algorithm>
#include <optional>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/csv.hpp"
#include "io/hdf5.hpp"
#include "io/npy.hpp"
#include "io/npz.hpp"
#include "io/output.hpp"
#include "io/safetensors.hpp"
#include "io/source.hpp"

namespace fluxsbi::io {

namespace {

using Keys = std::vector<std::string>;

constexpr const char* only_name = "array";  // of the formats whose array has no name

struct Format {
  std::vector<std::string> extensions;  ///< without those that are only read
  FileContent (*load)(const std::string& path, const Keys* keys);
  std::vector<ArrayInfo> (*list)(const std::string& path);
  void (*save)(const std::string& path, const Arrays& arrays,
               const Keys& columns);  ///< none: is not written here
  std::vector<std::string> only_read = {};
};

// For formats that are read whole.
FileContent pick(FileContent content, const std::string& path, const Keys* keys) {
  if (!keys) return content;
  FileContent picked;
  picked.columns = std::move(content.columns);
  for (const auto& key : *keys) {
    auto found = content.arrays.extract(key);
    if (!found && !picked.arrays.contains(key)) {
      Keys known;
      for (const auto& entry : content.arrays) known.push_back(entry.first);
      throw core::UserError(path + ": holds no array '" + key + "'; it holds " +
                            (known.empty() ? "none" : core::join(known) + key_remedy(key)));
    }
    if (found) picked.arrays.insert(std::move(found));
  }
  return picked;
}

const Array& only_array(const std::string& path, const Arrays& arrays) {
  if (arrays.size() != 1) {
    throw core::UserError(path + ": this format holds one array, but there are " +
                          std::to_string(arrays.size()) + "; write .npz or .h5");
  }
  return arrays.begin()->second;
}

std::optional<Keys> optional_keys(const Keys* keys) {
  return keys ? std::optional(*keys) : std::nullopt;
}

Format npz_format() {
  return {{".npz"},
          [](const std::string& path, const Keys* keys) {
            return FileContent{load_npz(path, optional_keys(keys)), {}};
          },
          list_npz,
          [](const std::string& path, const Arrays& arrays, const Keys&) { save_npz(path, arrays); }};
}

Format npy_format() {
  return {{".npy"},
          [](const std::string& path, const Keys* keys) {
            return pick({{{only_name, load_npy(path)}}, {}}, path, keys);
          },
          [](const std::string& path) {
            const FileSource file(path);
            SourceStream stream(file);
            try {
              NpyHeader header = read_npy_header(stream);
              return std::vector<ArrayInfo>{{only_name, header.dtype, std::move(header.shape)}};
            } catch (const UnsupportedDType& problem) {
              return std::vector<ArrayInfo>{{only_name, {}, {}, problem.what()}};
            }
          },
          [](const std::string& path, const Arrays& arrays, const Keys&) {
            save_npy(path, only_array(path, arrays));
          }};
}

Format hdf5_format() {
  return {{".h5", ".hdf5"},
          [](const std::string& path, const Keys* keys) {
            return FileContent{load_hdf5(path, optional_keys(keys)), {}};
          },
          list_hdf5,
          [](const std::string& path, const Arrays& arrays, const Keys&) { save_hdf5(path, arrays); },
          {".nc"}};
}

Format csv_format() {
  return {{".csv"},
          [](const std::string& path, const Keys* keys) {
            Csv csv = load_csv(path);
            return pick({{{only_name, std::move(csv.values)}}, std::move(csv.columns)}, path, keys);
          },
          [](const std::string& path) {
            Csv csv = load_csv(path);
            return std::vector<ArrayInfo>{{only_name, csv.values.dtype, std::move(csv.values.shape)}};
          },
          [](const std::string& path, const Arrays& arrays, const Keys& columns) {
            save_csv(path, only_array(path, arrays), columns);
          },
          {".txt", ".dat", ".tsv"}};
}

Format safetensors_format() {
  return {{".safetensors"},
          [](const std::string& path, const Keys* keys) {
            return pick({load_safetensors(path).arrays, {}}, path, keys);
          },
          list_safetensors,
          nullptr};
}

const std::vector<Format>& formats() {
  static const std::vector<Format> all{npz_format(), npy_format(), hdf5_format(), csv_format(),
                                       safetensors_format()};
  return all;
}

const Format& format_of(const std::string& path, bool to_write) {
  const std::string extension = extension_of(path);
  Keys known;
  for (const Format& format : formats()) {
    if (to_write && !format.save) continue;
    const auto add = [&](const Keys& extensions) {
      known.insert(known.end(), extensions.begin(), extensions.end());
      return std::count(extensions.begin(), extensions.end(), extension) > 0;
    };
    if (add(format.extensions) || (!to_write && add(format.only_read))) return format;
  }
  const std::string found =
      extension.empty() ? "has no extension" : "has the unknown extension '" + extension + "'";
  throw core::UserError(path + ": " + found + "; " + (to_write ? "written" : "read") + " are " +
                        core::join(known));
}

}  // namespace

FileContent load_arrays(const std::string& path) {
  return format_of(path, false).load(path, nullptr);
}

FileContent load_arrays(const std::string& path, const std::vector<std::string>& keys) {
  return format_of(path, false).load(path, &keys);
}

std::vector<ArrayInfo> list_arrays(const std::string& path) {
  return format_of(path, false).list(path);
}

bool is_text_table(const std::string& path) {
  static const Format format = csv_format();
  const std::string extension = extension_of(path);
  const auto has = [&](const Keys& keys) { return std::count(keys.begin(), keys.end(), extension) > 0; };
  return has(format.extensions) || has(format.only_read);
}

void save_arrays(const std::string& path, const Arrays& arrays, const std::vector<std::string>& columns) {
  format_of(path, true).save(path, arrays, columns);
}

const std::vector<std::string>& writable_extensions() {
  static const std::vector<std::string> all = [] {
    Keys extensions;
    for (const Format& format : formats()) {
      if (format.save)
        extensions.insert(extensions.end(), format.extensions.begin(), format.extensions.end());
    }
    return extensions;
  }();
  return all;
}

}  // namespace fluxsbi::io
