// The groups of ArviZ's InferenceData, as a netCDF-4 file.
#pragma once

#include "exchange/content.hpp"
#include "io/netcdf.hpp"

namespace fluxsbi::exchange {

/// Root attributes created_at (ISO 8601, UTC), creation_library and creation_library_version, and the groups
/// that export.hpp names. float64 throughout.
io::NetcdfFile netcdf_layout(const Content& content);

}  // namespace fluxsbi::exchange
