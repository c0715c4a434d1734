#include "golden/case.hpp"

#include <cmath>
#include <cstdlib>

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "engine/device.hpp"

namespace fluxsbi::golden {

namespace {

const io::Array& find(const Case& golden, const std::string& array) {
  const auto found = golden.content.arrays.find(array);
  if (found == golden.content.arrays.end()) throw core::UserError(golden.name + " holds no array " + array);
  return found->second;
}

template <class T>
at::Tensor copy_of(const std::vector<T>& values, const std::vector<int64_t>& shape, at::ScalarType dtype) {
  return at::from_blob(const_cast<T*>(values.data()), shape, dtype).clone();
}

}  // namespace

std::string device_name() {
  const char* const named = std::getenv("FLUXSBI_GOLDEN_DEVICE");
  return named ? named : "cpu";
}

at::Device device() {
  static const at::Device chosen = engine::choose_device(device_name()).device;
  return chosen;
}

at::Tensor Case::tensor(const std::string& array) const {
  const io::Array& source = find(*this, array);
  switch (source.dtype) {
    case io::DType::f16:
    case io::DType::bf16:
    case io::DType::f32:
    case io::DType::f64:
      return copy_of(source.to_float(), source.shape, at::kFloat).to(golden::device());
    case io::DType::boolean:
      return copy_of(source.to_int64(), source.shape, at::kLong).to(golden::device(), at::kBool);
    default:
      return copy_of(source.to_int64(), source.shape, at::kLong).to(golden::device());
  }
}

at::Tensor Case::numbers(const std::string& array) const {
  const io::Array& source = find(*this, array);
  return copy_of(source.to_double(), {source.elements()}, at::kDouble);
}

std::string Case::metadata(const std::string& key) const {
  const auto found = content.metadata.find(key);
  return found == content.metadata.end() ? "" : found->second;
}

std::string Case::setting(const std::string& key) const {
  const config::Value* value = config.find("model")->find(key);
  return value ? value->scalar : "";
}

double Case::number(const std::string& key) const {
  const config::Value* settings = config.find("model");
  const config::Value* found = settings->find(key);
  for (const auto& [name, value] : settings->map) {
    if (!found && value.kind == config::Value::Kind::map) found = value.find(key);
  }
  if (!found) throw core::UserError(name + ": its config holds no '" + key + "'");
  return std::stod(found->scalar);
}

Case load_case(const std::string& folder, const std::string& name) {
  Case golden{name, io::load_safetensors(folder + "/" + name), {}};
  const std::string text = golden.metadata("config");
  if (text.empty()) throw core::UserError(name + " has no metadata entry 'config'");
  golden.config = config::parse_yaml("model: " + text + "\n", name);  // JSON is YAML
  return golden;
}

void Report::compare(const std::string& what, double difference, double bound) {
  ++compared_;
  if (!(difference <= bound)) {
    failures_.push_back(what + " differs by " + core::number_text(difference) + ", allowed " +
                        core::number_text(bound));
  }
  const double share = bound > 0 ? difference / bound : 0;
  if (share > closest_) {
    closest_ = share;
    closest_what_ = what;
  }
}

void Report::compare(const std::string& what, const at::Tensor& ours, const at::Tensor& reference,
                     double tolerance) {
  if (ours.sizes() != reference.sizes()) {
    return fail(what + " has shape " + core::shape_text(ours.sizes()) + ", the file " +
                core::shape_text(reference.sizes()));
  }
  const at::Tensor a = ours.detach().to(at::kCPU, at::kDouble), b = reference.to(at::kCPU, at::kDouble);
  const double largest = std::max(1.0, b.abs().max().item<double>());
  compare(what, (a - b).abs().max().item<double>() / largest, tolerance);
}

void Report::fail(const std::string& what) {
  failures_.push_back(what);
}

std::string Report::text() const {
  std::string lines;
  for (const auto& failure : failures_) lines += "FAILED: " + failure + "\n";
  for (const auto& why : skipped_) lines += "skipped: " + why + "\n";
  if (compared_ > 0) lines += std::to_string(compared_) + " comparisons; ";
  if (closest_ > 0)
    lines += "nearest to its bound: " + closest_what_ + " (" + core::number_text(closest_) + " of it)";
  return lines + "\n";
}

}  // namespace fluxsbi::golden
