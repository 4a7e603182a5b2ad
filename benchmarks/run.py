"""Runs the benchmarks: all of them, or those whose name contains ONLY.

python benchmarks/run.py
python benchmarks/run.py query --scale 0.1

Results are written to benchmarks/results/ at full size only. Generated data goes to a temporary
folder; set PELLUCID_BENCH_DATA to a folder to keep it between runs.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main() -> int:
    given = sys.argv[1:]
    only = given.pop(0) if given and not given[0].startswith("-") else ""
    files = [path for path in sorted(Path(__file__).parent.glob("bench_*.py")) if only in path.stem]
    if not files:
        print(f"no benchmark's name contains '{only}'", file=sys.stderr)
        return 2
    failed = []
    for path in files:
        print(f"{path.stem} …", file=sys.stderr, flush=True)
        if subprocess.run([sys.executable, str(path), *given], check=False).returncode:
            failed.append(path.stem)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
