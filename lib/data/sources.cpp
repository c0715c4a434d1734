#include "data/sources.hpp"

#include "data/data_section.hpp"

namespace fluxsbi::data {

Sources read_sources(config::Reader& reader) {
  Sources sources;
  read_data_section(reader, sources.data);
  reader.read(prior_table(), sources.prior);
  resolve(sources.prior, reader);
  reader.read(simulator_table(), sources.simulator);
  adopt_names(sources.prior, sources.data.theta_names, reader);
  return sources;
}

}  // namespace fluxsbi::data
