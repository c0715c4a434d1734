#include "io/named_axes.hpp"

#include "io/files.hpp"
#include "io/output.hpp"

namespace fluxsbi::io {

void save_arrays_with_axes(const std::string& path, const Arrays& arrays, const AxisNames& axes) {
  const std::string extension = extension_of(path);
  if (extension == ".h5" || extension == ".hdf5") {
    save_hdf5(path, arrays, axes);
  } else {
    save_arrays(path, arrays);
  }
}

}  // namespace fluxsbi::io
