"""What llvm-mca says of the inner loops: ``python benchmarks/inner_loops.py OBJECT``.

OBJECT is a compiled ``csrc/kernels/isa.cpp``: with
``cmake -S . -B build -DFASTLSTM_PYTHON=OFF -DFASTLSTM_TESTS=ON && cmake --build build``
it is ``build/CMakeFiles/kernels_avx512.dir/csrc/kernels/isa.cpp.o``. Needs objdump and
llvm-mca. One line a loop that holds at least ``--least`` multiply-adds: its
instructions, loads and multiply-adds, the cycles of an iteration in steady state on a
CPU of the model ``--cpu``, and what is busy most. A loop at the bound of its
multiply-adds takes as many cycles as they do on that CPU's ports.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")
JUMP = re.compile(r"^j\w+\s+([0-9a-f]+)")


class Loop(NamedTuple):
    name: str
    lines: list[str]

    def count(self, pattern: str) -> int:
        return sum(bool(re.search(pattern, line)) for line in self.lines)


def loops(path: str) -> Iterator[Loop]:
    """Find what a jump backwards closes without another jump inside."""
    command = ["objdump", "-d", "-C", "--no-show-raw-insn", path]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    name, code = "", dict[int, str]()
    for line in text.splitlines():
        if found := FUNCTION.match(line):
            name, code = found[1], {}
        elif found := LINE.match(line):
            address, instruction = int(found[1], 16), found[2].partition("#")[0].strip()
            code[address] = instruction
            target = JUMP.match(instruction)
            if not target or int(target[1], 16) not in code:
                continue
            body = [code[a] for a in code if int(target[1], 16) <= a < address]
            if not any(JUMP.match(inside) for inside in body):
                yield Loop(name, body)


def analyse(loop: Loop, cpu: str) -> tuple[float, str]:
    """Return the cycles of an iteration and the resource that is busy most."""
    command = ["llvm-mca", f"-mcpu={cpu}", "-iterations=300"]
    source = "\n".join(loop.lines)
    found = subprocess.run(
        command, input=source, capture_output=True, text=True, check=True
    ).stdout
    total = re.search(r"Total Cycles:\s+(\d+)", found)
    assert total is not None, found
    names = dict(re.findall(r"^\[(\d+(?:\.\d+)?)\]\s+- (\S+)$", found, re.M))
    table = found.partition("Resource pressure per iteration:")[2].splitlines()
    keys = re.findall(r"\[([\d.]+)\]", table[1])
    values = [0.0 if v == "-" else float(v) for v in table[2].split()]
    busiest = max(zip(values, keys, strict=True))
    return int(total[1]) / 300, f"{names[busiest[1]]} {busiest[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("object")
    parser.add_argument("--cpu", default="icelake-server")
    parser.add_argument("--least", type=int, default=16)
    parser.add_argument("--only", default="", help="functions whose name holds this")
    options = parser.parse_args()
    print("| loop | instructions | loads | multiply-adds | cycles | busiest |")
    print("|---|---|---|---|---|---|")
    for loop in loops(options.object):
        adds = loop.count(r"^vfmadd|^fmla")
        if adds < options.least or options.only not in loop.name:
            continue
        cycles, busiest = analyse(loop, options.cpu)
        loads = loop.count(r"\(%r")
        short = re.sub(r"\(anonymous namespace\)::|fastlstm::|\(.*", "", loop.name)
        print(
            f"| `{short}` | {len(loop.lines)} | {loads} | {adds} "
            f"| {cycles:.1f} | {busiest} |"
        )


if __name__ == "__main__":
    main()
