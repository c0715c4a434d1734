#include "pretend/device/operators.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/_local_scalar_dense.h>
#include <ATen/ops/empty.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "pretend/device/aliases.hpp"
#include "pretend/device/generator.hpp"
#include "pretend/device/memory.hpp"
#include "pretend/device/pretend.hpp"
#include "pretend/device/record.hpp"

namespace fluxsbi::pretend {

namespace {

using c10::OperatorHandle;
using Stack = torch::jit::Stack;

// Operators whose result's shape, or whose answer, depends on numbers: the host waits for them on CUDA.
const std::set<std::string> waiting{"nonzero",
                                    "masked_select",
                                    "_unique",
                                    "_unique2",
                                    "unique_dim",
                                    "unique_consecutive",
                                    "unique_dim_consecutive",
                                    "equal",
                                    "bincount",
                                    "repeat_interleave",
                                    "multinomial",
                                    "histc",
                                    "histogram",
                                    "is_nonzero",
                                    "_linalg_check_errors"};

// Element-wise operators, which take one 0-dimensional CPU tensor as a number.
const std::set<std::string> takes_numbers{
    "add",       "sub",         "rsub",       "mul",         "div",         "true_divide", "floor_divide",
    "remainder", "fmod",        "pow",        "atan2",       "maximum",     "minimum",     "fmax",
    "fmin",      "eq",          "ne",         "lt",          "le",          "gt",          "ge",
    "where",     "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or",  "bitwise_xor",
    "lerp",      "addcmul",     "addcdiv",    "fill",        "masked_fill", "index_fill",  "clamp",
    "clamp_min", "clamp_max",   "hypot",      "xlogy",       "copysign"};

// What an operator's name says of it.
struct Kind {
  std::string name;  // "aten::add_.Tensor" is "add"
  bool waits, takes_numbers, indexes;
};

const Kind& kind_of(const OperatorHandle& op) {
  thread_local std::unordered_map<const c10::FunctionSchema*, Kind> known;
  const auto found = known.find(&op.schema());
  if (found != known.end()) return found->second;
  std::string name = op.schema().name();
  name = name.substr(name.find("::") + 2);
  if (name.size() > 1 && name.back() == '_' && name[name.size() - 2] != '_') name.pop_back();
  const bool indexes = name == "index" || name == "index_put" || name == "_index_put_impl";
  return known[&op.schema()] = {name, waiting.contains(name), takes_numbers.contains(name), indexes};
}

// The tensors of an argument or result: none, one, or a list's.
template <class Visit>
void for_tensors(c10::IValue& value, const Visit& visit) {
  if (value.isTensor()) {
    at::Tensor tensor = value.toTensor();
    if (!tensor.defined()) return;
    if (visit(tensor)) value = std::move(tensor);
  } else if (value.isTensorList()) {
    c10::List<at::Tensor> list = value.toTensorList().copy();
    for (size_t i = 0; i < list.size(); ++i) {
      at::Tensor tensor = list.get(i);
      if (tensor.defined() && visit(tensor)) list.set(i, tensor);
    }
    value = std::move(list);
  } else if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list = value.toOptionalTensorList().copy();
    for (size_t i = 0; i < list.size(); ++i) {
      std::optional<at::Tensor> tensor = list.get(i);
      if (tensor && tensor->defined() && visit(*tensor)) list.set(i, tensor);
    }
    value = std::move(list);
  }
}

// One call of an operator: its arguments as the CPU sees them, and what its results become.
class Call {
 public:
  Call(const OperatorHandle& op, Stack& stack)
      : op_(op), stack_(stack), kind_(kind_of(op)), name_(kind_.name) {
    const size_t count = op.schema().arguments().size();
    arguments_.assign(stack.end() - static_cast<std::ptrdiff_t>(count), stack.end());
    torch::jit::drop(stack, count);
    find_device();
    for (size_t i = 0; i < count; ++i) translate(op.schema().arguments()[i], arguments_[i]);
    if (waits()) record::wait(op.schema().name(), device_);
  }

  void run() {
    const at::AutoDispatchBelowADInplaceOrView below;
    Stack results = arguments_;
    op_.callBoxed(&results);
    bool computes = false;
    std::vector<at::Tensor> fresh;  // aliases of results that are new
    for (c10::IValue& result : results) {
      for_tensors(result, [&](at::Tensor& tensor) { return take_back(tensor, computes, fresh); });
      stack_.push_back(std::move(result));
    }
    take_resized();
    if (computes || results.empty()) {
      record::kernel(name_, device_, [&] { return again(std::move(fresh)); });
    }
  }

 private:
  struct Pair {
    at::Tensor device, cpu;
    bool resized = false;  // an empty out argument, to which the operator gives its size
  };

  void find_device() {
    for (c10::IValue& value : arguments_) {
      for_tensors(value, [&](at::Tensor& tensor) {
        if (on_device(tensor) && device_ < 0) device_ = tensor.device().index();
        return false;
      });
      if (value.isDevice() && value.toDevice().is_privateuseone() && device_ < 0) {
        const at::Device device = value.toDevice();
        device_ = device.has_index() ? device.index() : record::current_device();
      }
    }
    TORCH_INTERNAL_ASSERT(device_ >= 0, "pretend device: ", name_, " without a device");
  }

  void translate(const c10::Argument& argument, c10::IValue& value) {
    const bool written = argument.alias_info() && argument.alias_info()->isWrite();
    for_tensors(value, [&](at::Tensor& tensor) { return to_cpu(argument.name(), written, tensor); });
    if (value.isDevice()) value = at::Device(at::kCPU);
    if (argument.name() != "generator") return;
    const at::Generator generator = value.isNone() ? default_generator(device_) : value.toGenerator();
    record::generator_is_used(generator, device_, op_.schema().name());
    value = inner_generator(generator);
  }

  bool to_cpu(const std::string& argument, bool written, at::Tensor& tensor) {
    if (!on_device(tensor)) {
      const bool number = tensor.dim() == 0 && !written && kind_.takes_numbers && ++numbers_ == 1;
      TORCH_CHECK(number, "pretend device: ", op_.schema().name(), " got a tensor on ", tensor.device(),
                  " beside tensors on ", device(device_), ": argument ", argument, ", shape ",
                  tensor.sizes());
      // A device is given its value.
      if (record::in_capture(device_)) tensor = tensor.clone();
      return record::in_capture(device_);
    }
    TORCH_CHECK(tensor.device().index() == device_, "pretend device: ", op_.schema().name(),
                " got tensors on ", device(device_), " and on ", tensor.device());
    record::memory_is_used(tensor.storage().data(), device_);
    Pair pair{tensor, alias_of(tensor)};
    if (written && tensor.numel() == 0) {
      pair.cpu = at::empty({0}, tensor.options().device(at::kCPU));
      pair.resized = true;
    }
    tensor = pair.cpu;
    pairs_.push_back(std::move(pair));
    return true;
  }

  bool waits() const {
    if (kind_.waits || !kind_.indexes) return kind_.waits;
    for (const c10::IValue& value : arguments_) {  // a mask is an index after nonzero
      if (!value.isOptionalTensorList()) continue;
      for (const std::optional<at::Tensor>& index : value.toOptionalTensorVector()) {
        if (index && (index->scalar_type() == at::kBool || index->scalar_type() == at::kByte)) return true;
      }
    }
    return false;
  }

  // What a CPU result is on the device.
  bool take_back(at::Tensor& tensor, bool& computes, std::vector<at::Tensor>& fresh) {
    for (const Pair& pair : pairs_) {
      if (tensor.is_same(pair.cpu)) {
        computes = true;
        tensor = pair.device;
        return true;
      }
    }
    for (const Pair& pair : pairs_) {
      if (tensor.has_storage() && tensor.storage().is_alias_of(pair.cpu.storage())) {
        tensor = view_like(pair.device, tensor);
        return true;
      }
    }
    computes = true;
    tensor = placed(tensor, device_);
    fresh.push_back(alias_of(tensor));
    return true;
  }

  void take_resized() {
    for (Pair& pair : pairs_) {
      if (!pair.resized || pair.cpu.numel() == 0) continue;
      const at::Tensor made = placed(pair.cpu, device_);
      auto* const impl = pair.device.unsafeGetTensorImpl();
      impl->set_storage_keep_dtype(made.storage());
      impl->set_sizes_and_strides(made.sizes(), made.strides(), made.storage_offset());
      resized_.emplace_back(pair.cpu, alias_of(made));
    }
  }

  // Repeats the call on the same addresses.
  std::function<void()> again(std::vector<at::Tensor> fresh) const {
    return [op = op_, arguments = arguments_, fresh = std::move(fresh), resized = resized_] {
      const at::AutoDispatchBelowADInplaceOrView below;
      Stack results = arguments;
      op.callBoxed(&results);
      for (const auto& [from, to] : resized) copy_bytes(from, to);
      size_t next = 0;
      const auto is_argument = [&](const at::Tensor& tensor) {
        return std::any_of(arguments.begin(), arguments.end(), [&](const c10::IValue& value) {
          return value.isTensor() && value.toTensor().is_same(tensor);
        });
      };
      for (c10::IValue& result : results) {
        for_tensors(result, [&](at::Tensor& tensor) {
          if (!is_argument(tensor)) copy_bytes(tensor, fresh.at(next++));
          return false;
        });
      }
    };
  }

  const OperatorHandle& op_;
  Stack& stack_;
  const Kind& kind_;
  const std::string& name_;
  Stack arguments_;
  std::vector<Pair> pairs_;
  std::vector<std::pair<at::Tensor, at::Tensor>> resized_;  // what the CPU gave a size, and its place
  c10::DeviceIndex device_ = -1;
  int numbers_ = 0;
};

void on_cpu(const OperatorHandle& op, Stack* stack) {
  Call(op, *stack).run();
}

at::Tensor empty(c10::SymIntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                 std::optional<at::Device> where, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  const c10::OptionalDeviceGuard guard(where);
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), memory::allocator(),
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(type), format);
}

at::Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride,
                         std::optional<at::ScalarType> type, std::optional<at::Layout>,
                         std::optional<at::Device> where, std::optional<bool>) {
  const c10::OptionalDeviceGuard guard(where);
  return at::detail::empty_strided_generic(
      C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), memory::allocator(),
      c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), c10::dtype_or_default(type));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  const bool from_device = on_device(from), to_device = on_device(to);
  const at::Tensor source = from_device ? alias_of(from) : from, target = to_device ? alias_of(to) : to;
  const c10::DeviceIndex index = (to_device ? to : from).device().index();
  if (!from_device && !non_blocking && from.numel() > 0) record::wait("copy from the host", index);
  if (!from_device && non_blocking && from.numel() > 0) {
    record::upload("copy", index, static_cast<int64_t>(from.nbytes()),
                   memory::is_pinned(from.const_data_ptr()));
  }
  if (!to_device && from.numel() > 0) record::wait("copy to the host", index);
  const at::AutoDispatchBelowADInplaceOrView below;
  target.copy_(source);
  if (!from_device || !to_device) return to;
  record::memory_is_used(from.storage().data(), index);
  record::memory_is_used(to.storage().data(), index);
  const char* const name = from.device() == to.device() ? "copy" : "copy between devices";
  record::kernel(name, index, [&] {
    return [source, target] {
      const at::AutoDispatchBelowADInplaceOrView below;
      target.copy_(source);
    };
  });
  return to;
}

// Module::to gives parameters the data of another device.
bool has_compatible_shallow_copy_type(const at::Tensor&, const at::Tensor&) {
  return true;
}

at::Scalar local_scalar_dense(const at::Tensor& self) {
  record::wait("item", self.device().index());
  return at::_local_scalar_dense(alias_of(self));
}

}  // namespace

void register_operators() {
  static auto* const library =
      new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
  static auto* const others =
      new torch::Library(torch::Library::IMPL, "_", c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
  others->fallback(torch::CppFunction::makeFromBoxedFunction<&on_cpu>());
  const std::set<std::string> own{"aten::empty.memory_format", "aten::empty_strided", "aten::_copy_from",
                                  "aten::_local_scalar_dense", "aten::_has_compatible_shallow_copy_type"};
  library->impl("empty.memory_format", &empty);
  library->impl("empty_strided", &empty_strided);
  library->impl("_copy_from", &copy_from);
  library->impl("_local_scalar_dense", &local_scalar_dense);
  library->impl("_has_compatible_shallow_copy_type", &has_compatible_shallow_copy_type);
  // A conjugate or negative that has not been computed yet is so while it is copied.
  for (const auto key : {c10::DispatchKey::Conjugate, c10::DispatchKey::Negative}) {
    auto* const lazy = new torch::Library(torch::Library::IMPL, "aten", key, __FILE__, __LINE__);
    lazy->impl("_copy_from", torch::CppFunction::makeFallthrough());
  }
  // Operators that LibTorch would compose of others for a device that it does not know.
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    const std::string full = c10::toString(name);
    if (!full.starts_with("aten::") || own.contains(full)) continue;
    const auto op = dispatcher.findOp(name);
    if (!op || !op->hasKernelForDispatchKey(c10::DispatchKey::CPU)) continue;
    library->impl(full.c_str(), torch::CppFunction::makeFromBoxedFunction<&on_cpu>());
  }
}

}  // namespace fluxsbi::pretend
