// A configuration of any bytes: parsed, read into options of every type, written and read again.
#include <string>

#include "config/reader.hpp"
#include "fuzz/check.hpp"

namespace {

using namespace fluxsbi;
using namespace fluxsbi::fuzz;

struct Options {
  bool flag = false;
  int64_t count = 3;
  double rate = 0.5;
  std::string name = "flux1";
  std::vector<int64_t> axes{2, 4};
  std::optional<double> limit;
  bool operator==(const Options&) const = default;
};

const config::Table<Options>& table() {
  static const auto made =
      config::Table<Options>("model", "Options of every type.")
          .add("flag", &Options::flag, config::any<bool>(), "a switch")
          .add("count", &Options::count, config::integer_at_least(1), "a whole number")
          .alias("training.count")
          .add("rate", &Options::rate, config::finite_number(), "a number")
          .add("name", &Options::name, config::any<std::string>(), "a text")
          .add("axes", &Options::axes, config::each(config::integer_at_least(0)), "a list")
          .add("limit", &Options::limit, config::if_given(config::number_above(0)), "a number or null")
          .unused("old", "it is old");
  return made;
}

Options read(const std::string& text) {
  const config::Value document = config::parse_yaml(text, file_name);
  config::Reader reader(document);
  Options options;
  reader.read(table(), options);
  reader.finish();
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  survive([&] {
    const Options options = read(text);
    config::Writer writer;
    writer.add(table(), options);
    demand(read(writer.text()) == options);
  });
  try {
    config::Value document = config::parse_yaml("model: {count: 1}", file_name);
    config::set_from_command_line(document, text.substr(0, text.find('\n')));
  } catch (const core::UserError& error) {
    demand(std::string(error.what()).find("--set") != std::string::npos);
  }
  return 0;
}
