#include "io/hdf5_library.hpp"

#include <cstdlib>

#include "core/error.hpp"

namespace fluxsbi::io::h5 {

void prepare_library() {
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLset_loading_state(0);
}

Handle without_lock() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
#if H5_VERSION_GE(1, 10, 7)
  H5Pset_file_locking(access, false, true);
#endif
  return access;
}

Failure last_failure() {
  Failure failure;
  const auto visit = [](unsigned, const H5E_error2_t* error, void* data) -> herr_t {
    auto& found = *static_cast<Failure*>(data);
    const std::string text = error->desc ? error->desc : "";
    if (found.message.empty()) found.message = text;
    const std::string mark = "errno = ";  // as the file driver words it
    const size_t at = text.find(mark);
    if (at != std::string::npos && found.error_number == 0)
      found.error_number = std::atoi(text.c_str() + at + mark.size());
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, visit, &failure);
  return failure;
}

Handle half_type(H5T_order_t order) {
  const hid_t id = H5Tcopy(H5T_IEEE_F32LE);
  constexpr size_t sign = 15, exponent = 10, exponent_bits = 5, fraction = 0, fraction_bits = 10, bias = 15;
  H5Tset_fields(id, sign, exponent, exponent_bits, fraction, fraction_bits);
  H5Tset_size(id, 2);
  H5Tset_ebias(id, bias);
  H5Tset_order(id, order);
  return {id, H5Tclose};
}

Handle boolean_type() {
  const hid_t id = H5Tenum_create(H5T_STD_I8LE);
  const int8_t no = 0, yes = 1;
  H5Tenum_insert(id, "FALSE", &no);
  H5Tenum_insert(id, "TRUE", &yes);
  return {id, H5Tclose};
}

Handle memory_type(DType dtype) {
  const auto copy = [](hid_t id) { return Handle(H5Tcopy(id), H5Tclose); };
  switch (dtype) {
    case DType::f16:
      return half_type(H5T_ORDER_LE);
    case DType::f32:
      return copy(H5T_IEEE_F32LE);
    case DType::f64:
      return copy(H5T_IEEE_F64LE);
    case DType::i8:
      return copy(H5T_STD_I8LE);
    case DType::i16:
      return copy(H5T_STD_I16LE);
    case DType::i32:
      return copy(H5T_STD_I32LE);
    case DType::i64:
      return copy(H5T_STD_I64LE);
    case DType::u8:
      return copy(H5T_STD_U8LE);
    case DType::u16:
      return copy(H5T_STD_U16LE);
    case DType::u32:
      return copy(H5T_STD_U32LE);
    case DType::u64:
      return copy(H5T_STD_U64LE);
    case DType::boolean:
      return boolean_type();
    case DType::bf16:
      break;
  }
  throw core::InternalError("HDF5 does not know bfloat16");
}

}  // namespace fluxsbi::io::h5
