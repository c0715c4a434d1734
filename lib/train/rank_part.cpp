#include "train/rank_part.hpp"

#include <array>
#include <span>

#include <ATen/Functions.h>

#include "core/error.hpp"
#include "core/text.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::train {

namespace {

std::span<float> floats_of(at::Tensor& values) {
  return {values.mutable_data_ptr<float>(), static_cast<size_t>(values.numel())};
}

// work(span) on the numbers of `values`, by way of the host where they lie on another device.
template <class Work>
void on_host(at::Tensor& values, const Work& work) {
  if (values.is_cpu() && values.is_contiguous()) return work(floats_of(values));
  at::Tensor host = values.to(at::kCPU).contiguous();
  work(floats_of(host));
  values.copy_(host);
}

}  // namespace

engine::Part part_of_rank(int64_t rows, const distributed::Communicator& ranks) {
  if (ranks.alone()) return {0, rows};
  const int64_t first = rows * ranks.rank() / ranks.size();
  return {first, rows * (ranks.rank() + 1) / ranks.size() - first};
}

RanksState sum_step(distributed::Communicator& ranks, engine::DeviceSum* on_device, at::Tensor& gradient,
                    at::Tensor& loss, const RankState& own) {
  std::array<float, 3> few{loss.item<float>(), own.stop != 0 ? 1.0F : 0.0F, own.failed ? 1.0F : 0.0F};
  if (on_device) {
    ranks.sum({}, few);
    on_device->sum(gradient);
  } else {
    on_host(gradient, [&](std::span<float> values) { ranks.sum(values, few); });
  }
  loss.fill_(few[0]);
  return {few[1] > 0, few[2] > 0};
}

void sum_over_ranks(distributed::Communicator& ranks, at::Tensor& values) {
  if (ranks.alone()) return;
  on_host(values, [&](std::span<float> numbers) { ranks.sum(numbers); });
}

void take_from_first(distributed::Communicator& ranks, at::Tensor& values) {
  if (ranks.alone()) return;
  on_host(values, [&](std::span<float> numbers) { ranks.broadcast(std::as_writable_bytes(numbers)); });
}

uint32_t checksum(const at::Tensor& values, uint32_t before) {
  at::Tensor host = values.to(at::kCPU).contiguous();
  return io::crc32(std::as_bytes(floats_of(host)), before);
}

}  // namespace fluxsbi::train
