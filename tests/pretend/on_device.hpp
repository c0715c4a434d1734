// What the tests of the pretend device share.
#pragma once

#include <functional>
#include <string>

#include <ATen/core/Tensor.h>

#include "checkpoint/model_file.hpp"
#include "pretend/device/pretend.hpp"

namespace fluxsbi::test {

/// What `--device cuda` gives in this program: the pretend device.
at::Device pretend_device();

/// The message of the c10::Error that `work` throws, without its stack; "" if it throws none.
std::string fault_of(const std::function<void()>& work);

/// Counts of what `work` asks of the device.
pretend::Counts counts_of(const std::function<void()>& work);

/// Largest |a - b| over the largest |b|, both on any device; 0 where all is 0.
double distance(const at::Tensor& a, const at::Tensor& b);

}  // namespace fluxsbi::test
