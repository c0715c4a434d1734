#include <cstdlib>
#include <map>
#include <string>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "core/launcher.hpp"

using namespace fluxsbi::core;
using Catch::Matchers::ContainsSubstring;

namespace {

// An environment that holds these variables of launchers and no others, for the length of a test.
class Launched {
 public:
  explicit Launched(const std::map<std::string, std::string>& variables) {
    for (const std::string& cleared : environment_without_launcher())
      keep(cleared.substr(0, cleared.size() - 1));
    for (const char* name : {"TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "SLURM_STEP_ID"}) keep(name);
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Launched() {
    for (const auto& [name, value] : before_) {
      value.empty() ? unsetenv(name.c_str()) : setenv(name.c_str(), value.c_str(), 1);
    }
  }

 private:
  void keep(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    before_[name] = value ? value : "";
    unsetenv(name.c_str());
  }
  std::map<std::string, std::string> before_;
};

std::string text_of(const std::optional<Launch>& found) {
  if (!found) return "none";
  return std::to_string(found->rank) + "/" + std::to_string(found->size) + " local " +
         std::to_string(found->local_rank) + " by " + found->launcher;
}

std::string launch(const std::map<std::string, std::string>& variables) {
  const Launched launched(variables);
  return text_of(launch_from_environment());
}

std::string share(const std::map<std::string, std::string>& variables) {
  const Launched launched(variables);
  return text_of(share_from_environment());
}

std::map<std::string, std::string> array(const char* id, const char* min, const char* max, const char* count,
                                         const char* step = "1") {
  return {{"SLURM_ARRAY_TASK_ID", id},
          {"SLURM_ARRAY_TASK_MIN", min},
          {"SLURM_ARRAY_TASK_MAX", max},
          {"SLURM_ARRAY_TASK_COUNT", count},
          {"SLURM_ARRAY_TASK_STEP", step}};
}

}  // namespace

TEST_CASE("a process that several others run beside is told so", "[core][launcher]") {
  const auto remedy = [](const std::map<std::string, std::string>& variables) {
    const Launched launched(variables);
    return several_processes_remedy();
  };
  CHECK(remedy({}).empty());
  CHECK(remedy({{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}}).empty());
  CHECK_THAT(remedy({{"PMI_RANK", "1"}, {"PMI_SIZE", "4"}}),
             ContainsSubstring("mpirun (PMI) has started 4 processes, and each runs this command"));
  CHECK(remedy({{"PMI_RANK", "1"}}).empty());  // one of a pair alone is no launcher
}

TEST_CASE("each launcher's variables say rank, size and local rank", "[core][launcher]") {
  CHECK(launch({}) == "none");
  CHECK(launch({{"RANK", "3"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"TORCHELASTIC_RUN_ID", "a"}}) ==
        "3/8 local 1 by torchrun");
  CHECK(launch({{"OMPI_COMM_WORLD_RANK", "1"},
                {"OMPI_COMM_WORLD_SIZE", "2"},
                {"OMPI_COMM_WORLD_LOCAL_RANK", "0"}}) == "1/2 local 0 by mpirun (Open MPI)");
  CHECK(launch({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}) == "1/2 local 1 by mpirun (PMI)");
  CHECK(launch({{"SLURM_PROCID", "2"}, {"SLURM_NTASKS", "4"}, {"SLURM_LOCALID", "0"}}) ==
        "2/4 local 0 by srun");
  CHECK(launch({{"RANK", ""}, {"WORLD_SIZE", ""}}) == "none");
}

TEST_CASE("the innermost launcher counts", "[core][launcher]") {
  const std::map<std::string, std::string> step{{"SLURM_JOB_ID", "7"},
                                                {"SLURM_STEP_ID", "0"},
                                                {"SLURM_PROCID", "1"},
                                                {"SLURM_NTASKS", "4"},
                                                {"SLURM_STEP_NUM_TASKS", "2"}};
  CHECK(launch(step) == "1/2 local 1 by srun");
  auto both = step;
  both.insert({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "2"}});
  CHECK(launch(both) == "0/2 local 0 by mpirun (Open MPI)");
  both.insert({{"RANK", "5"}, {"WORLD_SIZE", "8"}, {"TORCHELASTIC_RUN_ID", "a"}});
  CHECK(launch(both) == "5/8 local 5 by torchrun");
}

TEST_CASE("a SLURM batch script is not one of srun's tasks", "[core][launcher]") {
  CHECK(launch({{"SLURM_JOB_ID", "7"}, {"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}) == "none");
  CHECK(launch({{"SLURM_NTASKS", "4"}}) == "none");  // salloc
}

TEST_CASE("half-set and contradictory variables are refused by name", "[core][launcher]") {
  CHECK_THROWS_AS(launch({{"RANK", "0"}}), UserError);
  CHECK_THROWS_WITH(launch({{"RANK", "0"}}), ContainsSubstring("RANK=0 stands alone: WORLD_SIZE is not set"));
  CHECK_THROWS_WITH(launch({{"WORLD_SIZE", "2"}}),
                    ContainsSubstring("WORLD_SIZE=2 stands alone: RANK is not set"));
  CHECK_THROWS_WITH(launch({{"SLURM_PROCID", "0"}}), ContainsSubstring("SLURM_NTASKS is not set"));
  CHECK_THROWS_WITH(launch({{"RANK", "2"}, {"WORLD_SIZE", "2"}}),
                    ContainsSubstring("RANK=2 and WORLD_SIZE=2 contradict each other"));
  CHECK_THROWS_WITH(launch({{"PMI_RANK", "x"}, {"PMI_SIZE", "2"}}),
                    ContainsSubstring("PMI_RANK is 'x', not a whole number"));
  CHECK_THROWS_WITH(launch({{"PMI_RANK", "-1"}, {"PMI_SIZE", "2"}}), ContainsSubstring("'-1'"));
}

TEST_CASE("a left-over RANK that the launcher contradicts is refused", "[core][launcher]") {
  std::map<std::string, std::string> variables{
      {"RANK", "0"}, {"WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}};
  CHECK_THROWS_WITH(launch(variables), ContainsSubstring("RANK and WORLD_SIZE say process 0 of 1, but "
                                                         "OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE say "
                                                         "1 of 2"));
  variables["RANK"] = "1", variables["WORLD_SIZE"] = "2";
  CHECK(launch(variables) == "1/2 local 1 by torchrun");
}

TEST_CASE("an element of a SLURM array is a share, but no rank", "[core][launcher]") {
  CHECK(launch(array("3", "1", "4", "4")) == "none");
  CHECK(share(array("3", "1", "4", "4")) == "2/4 local 0 by a SLURM array");
  CHECK(share(array("20", "0", "30", "4", "10")) == "2/4 local 0 by a SLURM array");
  CHECK(share({{"RANK", "1"}, {"WORLD_SIZE", "2"}}) == "1/2 local 1 by torchrun");
  auto with_tasks = array("1", "0", "2", "3");
  with_tasks.insert({{"SLURM_PROCID", "1"}, {"SLURM_NTASKS", "2"}});
  CHECK(share(with_tasks) == "3/6 local 1 by a SLURM array of srun");
}

TEST_CASE("an array whose indices have gaps or are incomplete is refused", "[core][launcher]") {
  CHECK_THROWS_WITH(share(array("7", "3", "7", "2")),
                    ContainsSubstring("SLURM_ARRAY_TASK_ID=7 does not say"));
  CHECK_THROWS_WITH(share(array("3", "3", "7", "2")), ContainsSubstring("has gaps"));
  CHECK_THROWS_WITH(share({{"SLURM_ARRAY_TASK_ID", "1"}}),
                    ContainsSubstring("SLURM_ARRAY_TASK_COUNT is not set"));
  CHECK_THROWS_WITH(share({{"SLURM_ARRAY_TASK_ID", "1"}, {"SLURM_ARRAY_TASK_COUNT", "2"}}),
                    ContainsSubstring("SLURM_ARRAY_TASK_MIN is not set"));
  CHECK_THROWS_WITH(
      share({{"SLURM_ARRAY_TASK_ID", "4"}, {"SLURM_ARRAY_TASK_COUNT", "2"}, {"SLURM_ARRAY_TASK_MIN", "1"}}),
      ContainsSubstring("contradict"));
}
