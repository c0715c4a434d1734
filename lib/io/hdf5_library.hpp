// What reading and writing HDF5 share. Used only in the child process of io/isolated.hpp: the program itself
// never calls the library.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <hdf5.h>

#include "io/array.hpp"

namespace fluxsbi::io::h5 {

/// Silences the library, keeps it from loading plug-ins and from locking files (network disks often cannot).
void prepare_library();

/// The innermost message of the library's error stack, and the errno it names (0 if none).
struct Failure {
  std::string message;
  int error_number = 0;
};
Failure last_failure();

/// An identifier that closes itself.
class Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  Handle(hid_t id, Closer closer) : id_(id), closer_(closer) {}
  ~Handle() { close(); }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), closer_(other.closer_) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  operator hid_t() const { return id_; }
  bool valid() const { return id_ >= 0; }
  /// False if closing failed: what was written may not be on the disk.
  bool close() { return id_ < 0 || closer_(std::exchange(id_, -1)) >= 0; }

 private:
  hid_t id_;
  Closer closer_;
};

/// Access to a file on which the program holds a lock: the library, in its child, does not wait for it.
Handle without_lock();

/// IEEE binary16 in the given byte order.
Handle half_type(H5T_order_t order);
/// h5py's boolean: an enumeration of FALSE = 0 and TRUE = 1 on int8.
Handle boolean_type();
/// The library's type for values of `dtype` in memory and, as the machine is little-endian, in files.
Handle memory_type(DType dtype);

}  // namespace fluxsbi::io::h5
