#include "bench/figures.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include <nlohmann/json.hpp>

namespace fluxsbi::app::bench {

namespace {

// Four significant digits, with thousands written out.
std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 1000 ? "%.0f" : "%.4g", value);
  return text;
}

}  // namespace

void print(const Section& section) {
  std::cout << "\n" << section.title << "\n";
  size_t widest = 0;
  for (const Figure& figure : section.figures) widest = std::max(widest, figure.name.size());
  for (const Figure& figure : section.figures) {
    const std::string value = rounded(figure.value);
    std::cout << "  " << figure.name << std::string(widest - figure.name.size() + 2, ' ')
              << std::string(value.size() < 9 ? 9 - value.size() : 0, ' ') << value << " " << figure.unit
              << (figure.note.empty() ? "" : "  (" + figure.note + ")") << "\n";
  }
  std::cout << std::flush;
}

std::string to_json(const std::string& machine, const std::vector<Section>& sections) {
  nlohmann::ordered_json all{{"machine", machine}};
  for (const Section& section : sections) {
    for (const Figure& figure : section.figures) {
      all[section.title][figure.name] = {
          {"value", figure.value}, {"unit", figure.unit}, {"note", figure.note}};
    }
  }
  return all.dump(2) + "\n";
}

}  // namespace fluxsbi::app::bench
