// `simulate --theta`: theta from files.
#include <cmath>
#include <csignal>

#include <catch2/catch_test_macros.hpp>

#include "data/errors.hpp"
#include "data/files/theta_rows.hpp"
#include "data/scratch.hpp"
#include "data/simulate/simulate_to_file.hpp"
#include "data/tasks/task.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using data::load_theta_rows;
using test::says;
using test::Scratch;

namespace {

using Values = std::vector<double>;

std::string save(const Scratch& scratch, const std::string& name, const std::string& key,
                 const Values& values, const std::vector<int64_t>& shape) {
  const std::string path = scratch.path(name);
  io::save_arrays(path, {{key, io::Array::from(std::span<const double>(values), shape)}});
  return path;
}

/// A file as `fluxsbi sample` writes it.
std::string save_samples(const Scratch& scratch, const Values& values, const std::vector<int64_t>& shape,
                         const std::string& meta) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(meta));
  io::Array text{io::DType::u8, {std::ssize(bytes)}, {bytes.begin(), bytes.end()}};
  const std::string path = scratch.path("samples.npz");
  io::save_arrays(path,
                  {{"samples", io::Array::from(std::span<const double>(values), shape)}, {"meta", text}});
  return path;
}

data::SimulateRequest request_for(const Scratch& scratch, const std::string& theta) {
  data::SimulateRequest request;
  request.output = scratch.path("out.npz");
  request.theta_file = theta;
  request.simulator.command = "awk -F, 'NR > 1 { printf \"%.9g,%.9g\\n\", $1 + $2, $1 - $2 }'";
  request.simulator.batch = 2;
  request.simulator.workers = 1;
  request.stop = [] { return 0; };
  return request;
}

Values array_of(const std::string& path, const std::string& key) {
  return io::load_arrays(path).arrays.at(key).to_double();
}

}  // namespace

TEST_CASE("theta is read from any file that holds it", "[data][theta_rows]") {
  const Scratch scratch;
  const Values six{1, 2, 3, 4, 5, 6};
  for (const auto& path :
       {save(scratch, "a.npz", "theta", six, {3, 2}), save(scratch, "a.npy", "array", six, {3, 2}),
        save(scratch, "a.h5", "theta", six, {3, 2}), save(scratch, "b.npy", "array", six, {1, 3, 2}),
        save(scratch, "b.npz", "samples", six, {3, 1, 2})}) {
    CAPTURE(path);
    const auto rows = load_theta_rows(path, 2, {});
    CHECK(rows.rows == 3);
    CHECK(rows.theta == six);
    CHECK(rows.remarks.empty());
  }
  CHECK(load_theta_rows(save(scratch, "one.npy", "array", six, {6}), 1, {}).rows == 6);
  CHECK(load_theta_rows(scratch.path("a.npy"), 0, {}).rows == 3);  // the file says how many components
}

TEST_CASE("columns of theta are found by name", "[data][theta_rows]") {
  const Scratch scratch;
  const auto path = scratch.write("a.csv", "x_0,b,a\n9,2,1\n9,4,3\n");
  CHECK(load_theta_rows(path, 2, {"a", "b"}).theta == Values{1, 2, 3, 4});
  CHECK(load_theta_rows(scratch.write("b.csv", "theta_1,theta_0,x_0\n2,1,9\n"), 0, {}).theta == Values{1, 2});
  CHECK(load_theta_rows(scratch.write("c.csv", "parameter_1,parameter_2\n1,2\n"), 2, {"a", "b"}).theta ==
        Values{1, 2});
  REQUIRE_USER_ERROR(load_theta_rows(path, 2, {"a", "c"}), says("columns x_0, b, a, theta is a, c"));
  REQUIRE_USER_ERROR(load_theta_rows(scratch.path("b.csv"), 1, {}), says("theta is theta_0"));
  const auto samples = save_samples(scratch, {1, 2, 9, 3, 4, 9}, {1, 2, 3},
                                    R"({"names":["b","a","x_0"],"seed":3,"theta_names":["b","a"]})");
  CHECK(load_theta_rows(samples, 2, {"a", "b"}).theta == Values{2, 1, 4, 3});
  REQUIRE_USER_ERROR(load_theta_rows(samples, 2, {"a", "mass"}), says("columns b, a, x_0, theta is a, mass"));
}

TEST_CASE("samples under other names serve where theta has none", "[data][theta_rows]") {
  const Scratch scratch;
  const auto samples = save_samples(scratch, {1, 2, 3, 4}, {1, 2, 2}, R"({"theta_names":["mass","spin"]})");
  CHECK(load_theta_rows(samples, 2, {}).theta == Values{1, 2, 3, 4});
  REQUIRE_USER_ERROR(load_theta_rows(samples, 1, {}), says("columns mass, spin"));
}

TEST_CASE("draws of different weights are not simulated as equal ones", "[data][theta_rows]") {
  const Scratch scratch;
  const Values four{1, 2, 3, 4}, weights{1, 0.5};
  const std::string path = scratch.path("weighed.npz");
  io::save_arrays(path, {{"samples", io::Array::from(std::span<const double>(four), {1, 2, 2})},
                         {"weight", io::Array::from(std::span<const double>(weights), {1, 2})}});
  REQUIRE_USER_ERROR(load_theta_rows(path, 2, {}), says("its weights differ (1 and 0.5)"));
  // In a table it may be any column, so that a remark has to do.
  const auto table = load_theta_rows(scratch.write("t.csv", "a,b,weight\n1,2,1\n3,4,0.5\n"), 2, {"a", "b"});
  CHECK(table.theta == four);
  REQUIRE(table.remarks.size() == 1);
  CHECK(table.remarks[0].find("its column weight is left out") != std::string::npos);
  CHECK(load_theta_rows(scratch.path("t.csv"), 2, {"a", "weight"}).remarks.empty());
}

TEST_CASE("draws that were not filled are left out, other NaN are refused", "[data][theta_rows]") {
  const Scratch scratch;
  const Values holes{1, 2, NAN, NAN, 5, 6};
  const auto rows = load_theta_rows(save(scratch, "s.npz", "samples", holes, {1, 3, 2}), 2, {});
  CHECK(rows.theta == Values{1, 2, 5, 6});
  REQUIRE(rows.remarks.size() == 1);
  CHECK(rows.remarks[0].find("1 of 3 draws are NaN") != std::string::npos);
  REQUIRE_USER_ERROR(load_theta_rows(save(scratch, "t.npz", "theta", holes, {3, 2}), 2, {}),
                     says("row 1 (counted from 0)"));
  REQUIRE_USER_ERROR(load_theta_rows(save(scratch, "u.npz", "theta", holes, {2, 3}), 2, {}),
                     says("theta has 2 components, a row of the file 3"));
  REQUIRE_USER_ERROR(load_theta_rows(save(scratch, "v.npz", "other", holes, {2, 3}), 2, {}), says("theta"));
}

TEST_CASE("theta that is given keeps its digits to the program and to the file",
          "[data][theta_rows][command]") {
  const Scratch scratch;
  const Values times{1.7e9 + 0.125, 1.7e9 + 60.5, 1.7e9 + 3600.1};
  auto request = request_for(scratch, save(scratch, "t.npy", "array", times, {3, 1}));
  request.simulator.command = "awk -F, 'NR > 1 { printf \"%.3f,%.3f\\n\", $1 - 1.7e9, $1 }'";
  data::simulate_to_file(request);
  CHECK(array_of(request.output, "theta") == times);
  CHECK(array_of(request.output, "x") == Values{0.125, times[0], 60.5, times[1], 3600.1, times[2]});
}

TEST_CASE("a command simulates at the rows that are given", "[data][theta_rows][command]") {
  const Scratch scratch;
  auto request = request_for(scratch, save_samples(scratch, {1, 2, 3, 4, 5, 7}, {3, 1, 2}, "{}"));
  CHECK(data::simulate_to_file(request).rows == 3);
  CHECK(array_of(request.output, "theta") == Values{1, 2, 3, 4, 5, 7});
  CHECK(array_of(request.output, "x") == Values{3, -1, 7, -1, 12, -2});
  request.force = true;
  request.simulations = 2;
  CHECK(data::simulate_to_file(request).rows == 2);
  CHECK(array_of(request.output, "theta") == Values{1, 2, 3, 4});
  request.simulations = 4;
  REQUIRE_USER_ERROR(data::simulate_to_file(request), says("gives 3 rows of theta, fewer than the 4"));
  request.simulations = 0;
  request.theta_names = {"a", "b", "c"};
  REQUIRE_USER_ERROR(data::simulate_to_file(request), says("theta"));
}

TEST_CASE("a built-in task simulates at the rows that are given", "[data][theta_rows]") {
  const Scratch scratch;
  data::SimulateRequest request;
  request.output = scratch.path("out.npz");
  request.task = "two_moons";
  request.theta_file = save(scratch, "t.npy", "array", {0.5, 0.25, 30, 30}, {2, 2});  // 30: outside its prior
  CHECK(data::simulate_to_file(request).rows == 2);
  CHECK(array_of(request.output, "theta") == Values{0.5, 0.25, 30, 30});
  request.theta_file = save(scratch, "u.npy", "array", {1, 2, 3}, {1, 3});
  request.force = true;
  REQUIRE_USER_ERROR(data::simulate_to_file(request), says("theta has 2 components, a row of the file 3"));
}

TEST_CASE("a partial output of other theta is not gone on with", "[data][theta_rows][journal]") {
  const Scratch scratch;
  auto request = request_for(scratch, save(scratch, "t.npy", "array", {1, 2, 3, 4, 5, 6, 7, 8}, {4, 2}));
  int polls = 0;
  request.progress = [&](int64_t, int64_t, int64_t) { ++polls; };
  request.stop = [&] { return polls > 0 ? SIGTERM : 0; };  // after the first batch
  REQUIRE_THROWS_AS(data::simulate_to_file(request), core::Stopped);
  REQUIRE(scratch.has("out.npz.partial"));
  request.stop = [] { return 0; };
  save(scratch, "t.npy", "array", {1, 2, 3, 4, 5, 6, 7, 9}, {4, 2});
  REQUIRE_USER_ERROR(data::simulate_to_file(request), says("given theta with CRC-32"));
  save(scratch, "t.npy", "array", {1, 2, 3, 4, 5, 6, 7, 8}, {4, 2});
  const auto outcome = data::simulate_to_file(request);
  CHECK(outcome.resumed == 2);
  CHECK(array_of(request.output, "x") == Values{3, -1, 7, -1, 11, -1, 15, -1});
}
