#!/usr/bin/env python3
"""scripts/check_structure.py on small trees: the sound one passes, and each breach is reported with its
place.

Each test writes the sound tree, changes it in one place, and expects exactly one line.
"""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECKER = Path(__file__).resolve().parent.parent.parent / "scripts/check_structure.py"
LIB = """# add_subdirectory(commented_out)
add_subdirectory(core)
add_subdirectory(engine/tile)
if(FLUXSBI_TORCH)
  add_subdirectory(model)
  add_subdirectory(engine)
  add_subdirectory(engine/cuda)
endif()
add_subdirectory(report)
"""
SOUND = {
    "lib/CMakeLists.txt": LIB,
    "lib/core/CMakeLists.txt": "fluxsbi_room(core\n  SOURCES text.cpp)\n",
    "lib/core/text.hpp": "#pragma once\n#include <string>\n",
    "lib/core/text.cpp": '#include "core/text.hpp"\n#include "core/version.hpp"\n',
    "lib/engine/tile/CMakeLists.txt": "fluxsbi_room(tile\n  SOURCES graph.cpp\n  USES core)\n",
    "lib/engine/tile/graph.hpp": '#pragma once\n#include "core/text.hpp"\n',
    "lib/engine/tile/graph.cpp": '#include "engine/tile/graph.hpp"\n',
    "lib/model/CMakeLists.txt": "fluxsbi_room(model SOURCES network.cpp USES core)\nadd_subdirectory(ops)\n",
    "lib/model/ops/CMakeLists.txt": "target_sources(fluxsbi_model PRIVATE gelu.cpp)\n",
    "lib/model/network.hpp": "#pragma once\n#include <torch/nn/module.h>\n",
    "lib/model/network.cpp": '#include "model/network.hpp"\n#include "core/text.hpp"\n',
    "lib/model/ops/gelu.hpp": "#pragma once\n",
    "lib/model/ops/gelu.cpp": '#include "gelu.hpp"\n#include "model/network.hpp"\n',
    "lib/engine/CMakeLists.txt":
        "fluxsbi_room(engine\n  SOURCES engine.cpp\n  USES core model tile\n  PRIVATE dl)\n",
    "lib/engine/engine.hpp": '#pragma once\n#include "model/network.hpp"\n',
    "lib/engine/engine.cpp": '#include "engine/engine.hpp"\n#include "engine/tile/graph.hpp"\n',
    "lib/engine/cuda/CMakeLists.txt": "add_library(fluxsbi_cuda SHARED plugin.cpp)\n",
    "lib/engine/cuda/plugin.cpp": '#include "engine/engine.hpp"\n',
    "lib/report/CMakeLists.txt": "fluxsbi_room(report SOURCES axis.cpp USES core)\n",
    "lib/report/axis.cpp": '#include "core/text.hpp"\n',
    "apps/fluxsbi/main.hpp": "#pragma once\n",
    "tests/support/folder.hpp": "#pragma once\n",
    "tests/support/toy_network.hpp": '#pragma once\n#include "model/network.hpp"\n',
    "tests/tile/CMakeLists.txt": "fluxsbi_test(tile SOURCES test_graph.cpp USES fluxsbi_tile)\n",
    "tests/tile/blocks.hpp": '#pragma once\n#include "engine/tile/graph.hpp"\n',
    "tests/tile/test_graph.cpp": '#include "tile/blocks.hpp"\n#include "support/folder.hpp"\n',
    "tests/engine/CMakeLists.txt": "fluxsbi_test(engine SOURCES test_engine.cpp\n  USES fluxsbi_engine)\n",
    "tests/engine/test_engine.cpp": '#include "engine/engine.hpp"\n#include "support/toy_network.hpp"\n',
    "tests/report/CMakeLists.txt": "fluxsbi_test(report SOURCES test_axis.cpp USES fluxsbi_report)\n",
    "tests/report/test_axis.cpp": '#include "core/text.hpp"\n',
    "tests/app/program.hpp": "#pragma once\n",
    "tests/app/test_train.cpp": '#include "app/program.hpp"\n#include "core/text.hpp"\n',
    "tests/golden/case.hpp": '#pragma once\n#include "engine/engine.hpp"\n',
    "tests/golden/case.cpp": '#include "case.hpp"\n#include "../app/program.hpp"\n',
}


class CheckStructure(unittest.TestCase):
    def run_on(self, changes):
        """(exit code, lines but the last) of the sound tree with changes: {path: text that is appended}."""
        files = {**SOUND, **{path: SOUND.get(path, "") + text for path, text in changes.items()}}
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["git", "init", "-q", folder], check=True)
            for path, text in files.items():
                target = Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            command = [sys.executable, str(CHECKER), folder]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(result.stderr, "")
            return result.returncode, result.stdout.splitlines()[:-1]

    def expect(self, path, text, line):
        code, lines = self.run_on({path: text})
        self.assertEqual((code, lines), (1, [line]))

    def test_a_sound_tree_passes(self):
        self.assertEqual(self.run_on({}), (0, []))

    def test_a_room_does_not_include_a_later_one(self):
        self.expect(
            "lib/core/text.cpp", '#include "report/axis.hpp"\n',
            "lib/core/text.cpp:3: order: core may not include report/axis.hpp; "
            "report comes after core in lib/"
        )

    def test_a_nested_room_is_a_room_of_its_own(self):
        self.expect("lib/engine/tile/graph.cpp", '#include "model/ops/gelu.hpp"\n',
                    "lib/engine/tile/graph.cpp:2: order: tile may not include model/ops/gelu.hpp; "
                    "model comes after tile in lib/")
        self.expect("lib/engine/engine.cpp", '#include "engine/cuda/plugin.cpp"\n',
                    "lib/engine/engine.cpp:3: order: engine may not include engine/cuda/plugin.cpp; "
                    "cuda comes after engine in lib/")

    def test_a_nested_room_may_not_include_the_room_around_it(self):
        code, lines = self.run_on({
            "lib/engine/work.hpp": "",
            "lib/engine/tile/graph.cpp": '#include "../work.hpp"\n'
        })
        self.assertEqual((code, lines), (1, [
            "lib/engine/tile/graph.cpp:2: order: tile may not include ../work.hpp; "
            "engine comes after tile in lib/"
        ]))

    def test_headers_of_kernels_count(self):
        self.expect("lib/engine/tile/kernels.inl", '#include "model/ops/gelu.hpp"\n',
                    "lib/engine/tile/kernels.inl:1: order: tile may not include model/ops/gelu.hpp; "
                    "model comes after tile in lib/")

    def test_what_is_included_is_used(self):
        self.expect("lib/model/ops/gelu.cpp", '#include "engine/tile/graph.hpp"\n',
                    "lib/model/ops/gelu.cpp:3: uses: model includes engine/tile/graph.hpp, and "
                    "lib/model/CMakeLists.txt does not say USES tile")

    def test_no_later_room_is_used(self):
        self.expect("lib/core/CMakeLists.txt",
                    "fluxsbi_room(extra\n  SOURCES a.cpp\n  USES core\n    report)\n",
                    "lib/core/CMakeLists.txt:6: order: extra may not use report, which comes after it")

    def test_no_unknown_room_is_used(self):
        self.expect("lib/core/CMakeLists.txt", "fluxsbi_room(extra SOURCES a.cpp USES core cellar)\n",
                    "lib/core/CMakeLists.txt:3: uses: extra may not use cellar, which is no room of lib/")

    def test_lib_includes_nothing_from_programs_and_tests(self):
        self.expect("lib/report/axis.cpp", '#include "apps/fluxsbi/main.hpp"\n',
                    "lib/report/axis.cpp:2: order: lib/ includes nothing from apps/")
        self.expect("lib/report/axis.cpp", '#include "../../tests/support/folder.hpp"\n',
                    "lib/report/axis.cpp:2: order: lib/ includes nothing from tests/")

    def test_a_test_does_not_include_a_later_room(self):
        self.expect("tests/tile/test_graph.cpp", '#include "engine/engine.hpp"\n',
                    "tests/tile/test_graph.cpp:3: tests: tests/tile may not include engine/engine.hpp; "
                    "engine comes after tile in lib/")

    def test_support_does_not_hide_a_later_room(self):
        self.expect(
            "tests/tile/test_graph.cpp", '#include "support/toy_network.hpp"\n',
            "tests/tile/test_graph.cpp:3: tests: tests/tile may not include model/network.hpp through "
            "support/toy_network.hpp; model comes after tile in lib/")

    def test_a_test_program_does_not_link_a_later_room(self):
        self.expect(
            "tests/tile/CMakeLists.txt", "fluxsbi_test(tile\n  SOURCES a.cpp\n  USES fluxsbi_model)\n",
            "tests/tile/CMakeLists.txt:4: tests: the tests of tile may not use model, which comes after it")

    def test_tests_of_the_program_do_without_libtorch(self):
        self.expect("tests/app/test_train.cpp", '#include "model/network.hpp"\n',
                    "tests/app/test_train.cpp:3: tests: tests/app may include only rooms without LibTorch, "
                    "not model/network.hpp")

    def test_headers_of_golden_cases_stay_there(self):
        # The header brings the rooms that it includes with it, hence a folder that may include all of them.
        self.expect("tests/support/toy_network.hpp", '#include "golden/case.hpp"\n',
                    "tests/support/toy_network.hpp:3: tests: golden/case.hpp belongs to tests/golden alone")

    def test_tests_include_nothing_from_programs(self):
        self.expect("tests/app/test_train.cpp", '#include "../../apps/fluxsbi/main.hpp"\n',
                    "tests/app/test_train.cpp:3: tests: tests/ includes nothing from apps/")

    def test_a_folder_of_tests_is_named_after_a_room(self):
        self.expect("tests/cellar/test_wine.cpp", "#include <string>\n",
                    "tests/cellar/test_wine.cpp:1: tests: tests/cellar is named after no room of lib/")

    def test_rooms_without_libtorch_stay_so(self):
        self.expect(
            "lib/report/axis.cpp", "#include <ATen/core/Tensor.h>\n",
            "lib/report/axis.cpp:2: torch: lib/report/axis.cpp must do without LibTorch, and includes "
            "ATen/core/Tensor.h")
        self.expect(
            "lib/engine/cuda/kernel.cu", '#include "model/network.hpp"\n',
            "lib/engine/cuda/kernel.cu:1: torch: lib/engine/cuda/kernel.cu must do without LibTorch, and "
            "includes torch/nn/module.h through model/network.hpp")

    def test_width_and_clocks(self):
        self.expect("lib/report/axis.cpp", "// " + "x" * 108 + "\n",
                    "lib/report/axis.cpp:2: width: 111 columns; more than 110 do not fit")
        self.expect("lib/report/axis.cpp", "auto t = std::chrono::system_clock::now();\n",
                    "lib/report/axis.cpp:2: clocks: this clock jumps when it is set; durations are "
                    "core::steady_seconds")

    def test_length_hosts_and_leftovers(self):
        self.expect("lib/report/axis.cpp", "\n" * 500,
                    "lib/report/axis.cpp:501: length: 501 lines; more than 500 hold "
                    "more than one idea")
        self.expect("lib/report/axis.cpp", "// see py" "pi.org\n",
                    "lib/report/axis.cpp:2: hosts: names the host of a package registry")
        self.expect("lib/report/axis.cpp", "// TO" "DO: more\n",
                    "lib/report/axis.cpp:2: leftovers: finish it, or say in the changelog what is missing")


if __name__ == "__main__":
    unittest.main()
