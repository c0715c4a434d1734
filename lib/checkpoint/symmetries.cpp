#include "checkpoint/symmetries.hpp"

#include "data/files/names.hpp"

namespace fluxsbi::checkpoint {

std::vector<data::Symmetry> symmetries_of(const ModelFile& model) {
  const auto found = model.remarks.find("symmetries");
  if (found == model.remarks.end()) return {};
  return data::parse_symmetries(found->second,
                                {data::feature_names(model.theta_names, model.shape.theta_channels),
                                 data::feature_names(model.x_names, model.shape.x_channels)});
}

}  // namespace fluxsbi::checkpoint
