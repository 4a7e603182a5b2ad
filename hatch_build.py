"""Builds the one compiled module, where there is a compiler; without it NumPy does its work."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "pellucid.explain.trees._lookup"
SOURCE = Path("src/pellucid/explain/trees/_lookup.c")


class CustomBuildHook(BuildHookInterface):
    """Adds the compiled module to a wheel, or to an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, or say why there is none."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        try:
            built = compiled(root)
        except Exception as error:  # noqa: BLE001 - any compiler may fail in any way
            print(f"no compiled kernel: {type(error).__name__}: {error}", file=sys.stderr)
            return
        build_data["pure_python"] = False
        build_data["tag"] = wheel_tag()
        if version == "editable":
            # Beside its source, and in place of another at once: a running process may have that
            # one mapped into its memory.
            aside = root / SOURCE.parent / f"{built.name}.{os.getpid()}"
            shutil.copy(built, aside)
            aside.replace(aside.with_name(built.name))
        else:
            inside = Path(*MODULE.split(".")[:-1]) / built.name
            build_data["force_include"][str(built)] = inside.as_posix()


def compiled(root: Path) -> Path:
    """Return the path of the module, built in a temporary folder."""
    from setuptools import Distribution, Extension

    extension = Extension(
        MODULE, [str(root / SOURCE)], py_limited_api=True,
        define_macros=[("Py_LIMITED_API", "0x030B0000")],
        extra_compile_args=[] if sys.platform == "win32" else ["-O3", "-std=c11"],
    )  # fmt: skip
    command = Distribution({"name": "pellucid", "ext_modules": [extension]}).get_command_obj(
        "build_ext"
    )
    command.build_lib = tempfile.mkdtemp()
    command.build_temp = tempfile.mkdtemp()
    command.ensure_finalized()
    command.run()
    shutil.rmtree(command.build_temp, ignore_errors=True)
    return Path(command.build_lib) / command.get_ext_filename(MODULE)


def wheel_tag() -> str:
    """Return the tag of a wheel for this platform and every Python from 3.11 on."""
    from packaging.tags import sys_tags

    return f"cp311-abi3-{next(iter(sys_tags())).platform}"
