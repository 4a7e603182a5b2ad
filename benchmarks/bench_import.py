"""What a service pays to import the logger.

CPU seconds of a fresh process less those of a bare interpreter, which takes its turn in every
round, and the third-party modules that the import loads.
"""

from __future__ import annotations

import json
import subprocess
import sys

from harness import Report, Spread, cpu_seconds, parse_options, progress

COMMANDS = {
    "bare": ("-c", "pass"),
    "import pellucid": ("-c", "import pellucid"),
    "import pellucid.log": ("-c", "import pellucid.log"),
    "pellucid --help": ("-m", "pellucid.cli", "--help"),
}
MOST_CPU_S = 0.05
_THIRD_PARTY = """
import json, sys
before = set(sys.modules)
import {module}
own = {{"pellucid"}} | set(sys.stdlib_module_names)
print(json.dumps(sorted({{n for n in set(sys.modules) - before if n.split(".")[0] not in own}})))
"""


def main() -> None:
    options = parse_options(__doc__, rounds=15)
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    # One round more than asked for: the first one may write byte code.
    for round_number in range(options.rounds + 1):
        for name, arguments in COMMANDS.items():
            start = cpu_seconds()
            command = [sys.executable, *arguments]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if round_number:
                taken[name].append(cpu_seconds() - start)
    progress(f"bare interpreter: {Spread.of(taken['bare'])} CPU s")
    report = Report("import", "what does a service pay to import the logger?", options.scale == 1)
    for name in list(COMMANDS)[1:]:
        added = [ours - bare for ours, bare in zip(taken[name], taken["bare"], strict=True)]
        goal = None if name.endswith("--help") else MOST_CPU_S
        report.add(f"{name}, less a bare interpreter", "CPU s", Spread.of(added), most=goal)
    for module in ("pellucid", "pellucid.log"):
        script = _THIRD_PARTY.format(module=module)
        found = subprocess.check_output([sys.executable, "-c", script], text=True)
        loaded = json.loads(found)
        progress(f"import {module} loads {', '.join(loaded) or 'no third-party module'}")
        report.add(f"import {module}, third-party modules", "count", len(loaded), most=0)
    report.finish()


if __name__ == "__main__":
    main()
