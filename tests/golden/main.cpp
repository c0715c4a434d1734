// fluxsbi_test_golden --list      names of the golden files, one a line
// fluxsbi_test_golden FILE        checks one; exit code 0 good, 1 failed, 4 cannot be checked yet
// fluxsbi_test_golden             checks all and prints a summary
// FILE is a .safetensors file, or gensbi_export/NAME for an export with its NAME_io.safetensors. The files
// are those in the folder that FLUXSBI_GOLDEN names; without it ../shared/golden beside the source where that
// exists, else tests/data/golden. A folder without files is a failure, never a success. FLUXSBI_GOLDEN_DEVICE
// names where the cases are computed (as --device; default cpu).
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <ATen/Parallel.h>

#include "core/error.hpp"
#include "golden/case.hpp"

namespace {

using namespace fluxsbi;
namespace fs = std::filesystem;

constexpr int passed = 0, failed = 1, skipped = 4;

std::string folder() {
  if (const char* named = std::getenv("FLUXSBI_GOLDEN")) return named;
  const std::string source = FLUXSBI_SOURCE_DIR;
  const std::string shared = source + "/../shared/golden";
  return fs::is_directory(shared) ? shared : source + "/tests/data/golden";
}

const std::string export_prefix = "gensbi_export/";

std::vector<std::string> files() {
  const std::string where = folder();
  std::vector<std::string> names;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(where, problem)) {
    if (entry.path().extension() == ".safetensors") names.push_back(entry.path().filename().string());
  }
  if (names.empty()) {
    throw core::UserError(
        "the golden folder '" + where +
        "' is missing or holds no .safetensors files; set FLUXSBI_GOLDEN to the folder that does");
  }
  for (const auto& name : golden::gensbi_exports(where + "/" + export_prefix))
    names.push_back(export_prefix + name);
  std::sort(names.begin(), names.end());
  return names;
}

void check(const std::string& name, golden::Report& report) {
  if (name.starts_with(export_prefix)) {
    return golden::check_gensbi_export(folder() + "/" + export_prefix, name.substr(export_prefix.size()),
                                       report);
  }
  const golden::Case golden = golden::load_case(folder(), name);
  if (!golden.setting("model").empty()) {
    golden::check_model(golden, report);
  } else if (!golden.setting("method").empty()) {
    golden::check_method(golden, report);
  } else {
    report.fail("the file's config names neither a model nor a method");
  }
}

int check(const std::string& name) {
  golden::Report report;
  try {
    check(name, report);
  } catch (const std::exception& error) {
    report.fail(error.what());
  }
  std::cout << name << "\n" << report.text();
  return report.failed() ? failed : report.skipped() ? skipped : passed;
}

int check_all() {
  int counts[3] = {0, 0, 0};
  for (const auto& name : files()) {
    const int result = check(name);
    ++counts[result == skipped ? 2 : result];
  }
  std::cout << counts[0] << " passed, " << counts[1] << " failed, " << counts[2] << " skipped\n";
  return counts[1] > 0 ? failed : passed;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    at::set_num_threads(1);  // tiny cases; also keeps sums in one order
    const std::string argument = argc > 1 ? argv[1] : "";
    if (argument.empty()) return check_all();
    if (argument != "--list") return check(argument);
    for (const auto& name : files()) std::cout << name << "\n";
    return passed;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return failed;
  }
}
