#include "io/content.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace fluxsbi::io {

namespace {

using namespace std::string_view_literals;

struct Row {
  Content content;
  std::string_view magic;
  const char* what;
  const char* remedy;
};
// Python's pickles of protocol 2 and later begin with 0x80 and the protocol.
constexpr std::array<Row, 16> known{{
    {Content::gzip, "\x1f\x8b"sv, "a file compressed by gzip", "unpack it first (gunzip)"},
    {Content::bzip2, "BZh"sv, "a file compressed by bzip2", "unpack it first (bunzip2)"},
    {Content::xz, "\xfd\x37zXZ\0"sv, "a file compressed by xz", "unpack it first (unxz)"},
    {Content::zstd, "\x28\xb5\x2f\xfd"sv, "a file compressed by zstd", "unpack it first (unzstd)"},
    {Content::zip, "PK\x03\x04"sv, "a zip archive",
     "give an archive of numpy the extension .npz, save a spreadsheet as .csv, unpack any other"},
    {Content::npy, "\x93NUMPY"sv, "a .npy array", "give it the extension .npy"},
    {Content::hdf5, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file", "give it the extension .h5"},
    {Content::netcdf3, "CDF\x01"sv, "a classic netCDF file", "write it as netCDF-4 (nccopy -k nc4)"},
    {Content::netcdf3, "CDF\x02"sv, "a classic netCDF file", "write it as netCDF-4 (nccopy -k nc4)"},
    {Content::netcdf3, "CDF\x05"sv, "a classic netCDF file", "write it as netCDF-4 (nccopy -k nc4)"},
    {Content::pickle, "\x80\x02"sv, "a Python pickle", "save its arrays with numpy.savez"},
    {Content::pickle, "\x80\x03"sv, "a Python pickle", "save its arrays with numpy.savez"},
    {Content::pickle, "\x80\x04"sv, "a Python pickle", "save its arrays with numpy.savez"},
    {Content::pickle, "\x80\x05"sv, "a Python pickle", "save its arrays with numpy.savez"},
    {Content::matlab, "MATLAB 5.0 MAT-file"sv, "a MATLAB file of version 5",
     "save it by save -v7.3, which is HDF5"},
    {Content::hdf5, "MATLAB 7.3 MAT-file"sv, "a MATLAB file of version 7.3", "give it the extension .h5"},
}};

const Row* find(std::span<const std::byte> head) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  const auto row =
      std::find_if(known.begin(), known.end(), [&](const Row& one) { return text.starts_with(one.magic); });
  return row == known.end() ? nullptr : &*row;
}

}  // namespace

Content content_of(std::span<const std::byte> head) {
  const Row* row = find(head);
  return row ? row->content : Content::unknown;
}

void refuse_other_content(const Source& source, Content own, const std::string& called) {
  constexpr uint64_t longest = 24;
  std::vector<std::byte> head(std::min(longest, source.size()));
  source.read(0, head);
  const Row* row = find(head);
  if (row && row->content != own)
    source.fail(std::string("is ") + row->what + ", not " + called + "; " + row->remedy);
}

}  // namespace fluxsbi::io
