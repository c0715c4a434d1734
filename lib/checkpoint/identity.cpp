#include "checkpoint/identity.hpp"

#include <cstdio>
#include <span>

#include "io/atomic_file.hpp"

namespace fluxsbi::checkpoint {

std::string identity(const ModelFile& model) {
  uint32_t crc = io::crc32(std::as_bytes(std::span(model.config)));
  for (const auto& [name, array] : model.weights) {
    crc = io::crc32(std::as_bytes(std::span(name)), crc);
    crc = io::crc32(array.bytes, crc);
  }
  for (const data::Standardiser* part : {&model.theta, &model.x}) {
    crc = io::crc32(std::as_bytes(std::span(part->mean)), crc);
    crc = io::crc32(std::as_bytes(std::span(part->scale)), crc);
    std::vector<double> low, high, asinh;  // in the order of version 0.1, whose files keep their identity
    for (const data::Transform& transform : part->transforms) {
      low.push_back(transform.low);
      high.push_back(transform.high);
      if (transform.kind == data::TransformKind::asinh)
        asinh.insert(asinh.end(), {transform.centre, transform.width});
    }
    for (const auto* numbers : {&low, &high, &asinh})
      crc = io::crc32(std::as_bytes(std::span(*numbers)), crc);
  }
  for (const auto* numbers : {&model.regression.offset, &model.regression.weights, &model.regression.scale})
    crc = io::crc32(std::as_bytes(std::span(*numbers)), crc);
  for (const ModelFile& member : model.members) {
    const std::string of_member = identity(member);
    crc = io::crc32(std::as_bytes(std::span(of_member)), crc);
  }
  if (model.teacher) {
    const std::string of_teacher = identity(*model.teacher);
    crc = io::crc32(std::as_bytes(std::span(of_teacher)), crc);
  }
  char text[9];
  std::snprintf(text, sizeof text, "%08x", crc);
  return text;
}

}  // namespace fluxsbi::checkpoint
