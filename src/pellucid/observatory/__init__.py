"""An open system: where questions are asked, in a notebook, on a page or from the shell."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pellucid.errors import SpecError, StoreError
from pellucid.observatory.explaining import Explaining
from pellucid.observatory.governing import Governing
from pellucid.observatory.listing import Listing
from pellucid.observatory.notifying import Notifying
from pellucid.store.lake import Lake, systems


class Observatory(Explaining, Governing, Notifying, Listing):
    """The records of one system, open for questions.

    Parameters
    ----------
    lake : Lake
        Where the tables are.
    engine : Engine, optional
        DuckDB by default.

    Raises
    ------
    StoreError
        If the store holds no such system.
    """


def open_system(
    root: str | os.PathLike[str],
    *,
    system: str | None = None,
    storage_options: Mapping[str, str] | None = None,
) -> Observatory:
    """Open a system for questions.

    Parameters
    ----------
    root : str or path
        Root of the lake.
    system : str, optional
        System name; not needed where a local root holds just one.
    storage_options : mapping, optional
        Options for the object store.

    Raises
    ------
    StoreError
        If there is no such system.
    SpecError
        If no system is named and the root holds several.
    """
    if system is None:
        known = systems(root)
        if not known:
            raise StoreError(f"no system is stored at {os.fspath(root)}; check the folder")
        if len(known) > 1:
            raise SpecError("system", [f"{os.fspath(root)} holds {', '.join(known)}: name one"])
        system = known[0]
    return Observatory(Lake.at(root, system, storage_options))
