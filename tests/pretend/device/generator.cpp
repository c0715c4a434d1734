#include "pretend/device/generator.hpp"

#include <utility>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GeneratorImpl.h>

#include "pretend/device/pretend.hpp"
#include "pretend/device/record.hpp"

namespace fluxsbi::pretend {

namespace {

class DeviceGenerator final : public c10::GeneratorImpl {
 public:
  explicit DeviceGenerator(c10::DeviceIndex device)
      : GeneratorImpl(pretend::device(device), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1)),
        inner(at::make_generator<at::CPUGeneratorImpl>(c10::default_rng_seed_val)) {}

  void set_current_seed(uint64_t seed) override {
    record::generator_is_set(device_.index(), "set_current_seed");
    inner.set_current_seed(seed);
  }
  void set_offset(uint64_t offset) override {
    record::generator_is_set(device_.index(), "set_offset");
    inner.set_offset(offset);
  }
  uint64_t get_offset() const override { return inner.get_offset(); }
  uint64_t current_seed() const override { return inner.current_seed(); }
  uint64_t seed() override {
    record::generator_is_set(device_.index(), "seed");
    return inner.seed();
  }
  void set_state(const c10::TensorImpl& state) override {
    record::generator_is_set(device_.index(), "set_state");
    inner.unsafeGetGeneratorImpl()->set_state(state);
  }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
    return inner.unsafeGetGeneratorImpl()->get_state();
  }

  at::Generator inner;

 private:
  DeviceGenerator* clone_impl() const override {
    auto* const copy = new DeviceGenerator(device_.index());
    copy->inner = inner.clone();
    return copy;
  }
};

}  // namespace

at::Generator new_generator(c10::DeviceIndex device) {
  return at::make_generator<DeviceGenerator>(device < 0 ? record::current_device() : device);
}

const at::Generator& default_generator(c10::DeviceIndex device) {
  static const std::vector<at::Generator> all = [] {
    std::vector<at::Generator> made;
    for (int i = 0; i < device_count; ++i) made.push_back(new_generator(static_cast<c10::DeviceIndex>(i)));
    return made;
  }();
  return all.at(static_cast<size_t>(device < 0 ? record::current_device() : device));
}

bool is_default(const at::Generator& generator) {
  for (int i = 0; i < device_count; ++i) {
    if (default_generator(static_cast<c10::DeviceIndex>(i)) == generator) return true;
  }
  return false;
}

at::Generator inner_generator(const at::Generator& generator) {
  auto* const own = dynamic_cast<DeviceGenerator*>(generator.unsafeGetGeneratorImpl());
  TORCH_CHECK(own != nullptr, "pretend device: a generator of another device");
  return own->inner;
}

}  // namespace fluxsbi::pretend
