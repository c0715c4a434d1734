#include "pretend/device/aliases.hpp"

#include <cstring>

#include <ATen/EmptyTensor.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/DeviceGuard.h>

#include "pretend/device/memory.hpp"
#include "pretend/device/pretend.hpp"

namespace fluxsbi::pretend {

namespace {

void keep_nothing(void*) {}

at::Tensor with_view_of(c10::Storage&& storage, c10::DispatchKey key, const at::Tensor& like) {
  at::Tensor made =
      at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), like.dtype());
  auto* const impl = made.unsafeGetTensorImpl();
  impl->set_sizes_and_strides(like.sizes(), like.strides(), like.storage_offset());
  if (like.is_conj()) impl->_set_conj(true);
  if (like.is_neg()) impl->_set_neg(true);
  return made;
}

}  // namespace

bool on_device(const at::Tensor& tensor) {
  return tensor.defined() && tensor.device().is_privateuseone();
}

at::Tensor alias_of(const at::Tensor& tensor) {
  const c10::Storage& own = tensor.storage();
  void* const bytes = memory::host_address(own.data());
  c10::Storage storage(c10::Storage::use_byte_size_t(), own.nbytes(),
                       c10::DataPtr(bytes, bytes, &keep_nothing, at::kCPU), nullptr, /*resizable=*/false);
  return with_view_of(std::move(storage), c10::DispatchKey::CPU, tensor);
}

at::Tensor view_like(const at::Tensor& of, const at::Tensor& view) {
  return with_view_of(c10::Storage(of.storage()), c10::DispatchKey::PrivateUse1, view);
}

at::Tensor placed(const at::Tensor& from, c10::DeviceIndex index) {
  const c10::DeviceGuard guard(device(index));
  const at::Tensor made = at::detail::empty_strided_generic(
      from.sizes(), from.strides(), memory::allocator(), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
      from.scalar_type());
  if (from.is_conj()) made.unsafeGetTensorImpl()->_set_conj(true);
  if (from.is_neg()) made.unsafeGetTensorImpl()->_set_neg(true);
  if (from.numel() > 0) copy_bytes(from, alias_of(made));
  return made;
}

void copy_bytes(const at::Tensor& from, const at::Tensor& to) {
  int64_t elements = 1;
  for (int64_t i = 0; i < from.dim(); ++i) elements += (from.size(i) - 1) * from.stride(i);
  if (from.numel() == 0) return;
  std::memcpy(to.mutable_data_ptr(), from.const_data_ptr(), static_cast<size_t>(elements) * from.itemsize());
}

}  // namespace fluxsbi::pretend
