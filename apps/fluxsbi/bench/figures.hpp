// What `bench` reports: sections of named numbers, for the terminal and as JSON.
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::app::bench {

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;  ///< "steps/s", "MB", ...
  std::string note;  ///< may be empty
};

struct Section {
  std::string title;
  std::vector<Figure> figures;
};

void print(const Section& section);
/// {"machine": ..., "TITLE": {"NAME": {"value": ..., "unit": ..., "note": ...}}}
std::string to_json(const std::string& machine, const std::vector<Section>& sections);

}  // namespace fluxsbi::app::bench
