"""How much the core installs.

Installs the repository without extras into a fresh environment, and counts requirements,
distributions and megabytes (10^6 bytes, byte code left out).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, Report, parse_options, progress

MOST_REQUIRED, MOST_DISTRIBUTIONS, MOST_MB = 8, 12, 240
_DESCRIBE = """
import importlib.metadata as m, json
required = [r for r in m.requires("pellucid") or [] if "extra ==" not in r]
names = {d.metadata["Name"].lower() for d in m.distributions()} - {"pip", "setuptools"}
print(json.dumps([len(required), sorted(names)]))
"""


def main() -> None:
    options = parse_options(__doc__, rounds=1)
    with tempfile.TemporaryDirectory(prefix="pellucid-install-") as folder:
        python = _install(Path(folder) / "venv")
        required, names = json.loads(subprocess.check_output([python, "-c", _DESCRIBE], text=True))
        site = next((Path(folder) / "venv" / "lib").glob("python*")) / "site-packages"
        sizes = {item.name: _megabytes(item) for item in site.iterdir()}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:6]
    progress(f"distributions: {', '.join(names)}")
    progress(f"largest: {', '.join(f'{name} {size:.1f} MB' for name, size in largest)}")
    report = Report("install", "how much does the core install?", options.scale == 1)
    report.add("required distributions", "count", required, most=MOST_REQUIRED)
    report.add("distributions installed", "count", len(names), most=MOST_DISTRIBUTIONS)
    report.add("size without byte code", "MB", sum(sizes.values()), most=MOST_MB)
    report.add("size of pellucid itself", "MB", sizes["pellucid"])
    report.finish()


def _install(venv: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python, beside = venv / "bin" / "python", Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    install = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    subprocess.run([*install, "--python", str(python), "install", "--quiet", str(HERE.parent)]
                   if not uv else
                   [*install, "install", "--quiet", "--python", str(python), str(HERE.parent)],
                   check=True)  # fmt: skip
    return python


def _megabytes(item: Path) -> float:
    files = [item] if item.is_file() else [path for path in item.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc") / 1e6


if __name__ == "__main__":
    main()
