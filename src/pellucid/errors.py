"""The exception tree of pellucid; every error says what, where, expected, got and the mend.

::

    PellucidError
    ├── SpecError(ValueError)             a definition is wrong; holds every problem found
    ├── UnknownNameError(KeyError)        a name is not known; holds the nearest valid ones
    ├── DataError(ValueError)             logged data breaks the record; holds every violation
    ├── ShapeError(ValueError)            arrays or profiles that should match do not
    ├── EngineError(RuntimeError)         a query could not be run
    │   ├── UnsupportedError              the engine declares that it cannot do this
    │   └── StoppedError                  nobody waits for the query any more
    ├── StoreError(OSError)               the tables on disk could not be read or written
    │   └── ConflictError                 another writer won too often
    ├── ExplainError(ValueError)          an explanation was asked for that the records cannot give
    │   └── AdditivityError               base value + attributions do not add up to the raw score
    └── MissingExtraError(ImportError)    an optional dependency is not installed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known names, or an empty string."""
    # Imported here: a service that logs and errs not should not wait for it.
    import difflib

    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return "; did you mean " + " or ".join(f"'{item}'" for item in near) + "?"
    if not names:
        return "; none is defined"
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"; known: {shown}"


class PellucidError(Exception):
    """Base of every error that pellucid raises on purpose."""


class SpecError(PellucidError, ValueError):
    """A definition is wrong.

    Attributes
    ----------
    where : str
        The definition, for example ``system 'card-routing'``.
    problems : tuple of str
        Every problem found, each naming its place and its mend.
    """

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "\n".join(f"  {number}. {text}" for number, text in enumerate(self.problems, 1))
        super().__init__(f"{where}: {count} problem{'s' if count != 1 else ''}\n{lines}")


class UnknownNameError(PellucidError, KeyError):
    """A metric, dimension, layer or other name is not known."""

    def __init__(self, *, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        self.message = f"no {kind} is called '{name}'{did_you_mean(name, self.known)}"
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class DataError(PellucidError, ValueError):
    """Data breaks the standard record.

    Attributes
    ----------
    where : str
        The batch, for example ``decisions from 'may.parquet'``.
    violations : tuple of str
        One line for each kind of violation: field, count, first rows, mend.
    """

    def __init__(self, where: str, violations: Sequence[str]) -> None:
        self.where = where
        self.violations = tuple(violations)
        lines = "\n".join(f"  - {text}" for text in self.violations)
        super().__init__(f"{where}:\n{lines}")


class ShapeError(PellucidError, ValueError):
    """Arrays or profiles that are to be put together do not match."""


class EngineError(PellucidError, RuntimeError):
    """A query could not be run."""


class UnsupportedError(EngineError):
    """An engine declares that it cannot do what a plan asks."""

    def __init__(self, *, engine: str, what: str, mend: str) -> None:
        self.engine = engine
        self.what = what
        super().__init__(f"the {engine} engine cannot {what}; {mend}")


class StoppedError(EngineError):
    """A query was stopped because nobody waits for it any more."""

    def __init__(self) -> None:
        super().__init__("the query was stopped: nobody waits for it any more")


class StoreError(PellucidError, OSError):
    """The tables of a system could not be read or written."""


class ConflictError(StoreError):
    """Other writers committed first, more often than the writer was willing to retry."""


class ExplainError(PellucidError, ValueError):
    """An explanation was asked for that the records cannot give."""


class AdditivityError(ExplainError):
    """Base value plus attributions miss the raw score by more than the tolerance."""


class MissingExtraError(PellucidError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, *, package: str, extra: str, purpose: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"{purpose} needs '{package}', which is not installed: pip install 'pellucid[{extra}]'"
        )
