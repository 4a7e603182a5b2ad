"""The redactor: column batches in, column batches out with nothing that must not be written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pellucid.errors import DataError
from pellucid.log.redact.cards import LONGEST, SHORTEST, find_cards, is_card, mask
from pellucid.log.redact.decide import ColumnJudge, Verdict
from pellucid.log.redact.naming import CARD_WORDS, Naming, read_name, words_of
from pellucid.log.redact.nested import TOO_DEEP, Path, visit
from pellucid.log.redact.numeric import digits_of, looks_like_card
from pellucid.log.redact.other import find_ibans, is_phone_value
from pellucid.log.redact.rules import Redaction
from pellucid.log.redact.scan import (
    affix_of_number,
    fold,
    may_hold,
    rewrite,
    suspects,
    without_hex,
)
from pellucid.log.redact.tokens import Tokenizer
from pellucid.log.redact.treatment import by_treatment, is_clean

if TYPE_CHECKING:
    import pyarrow as pa

# Keys of nested values may be ids, without end.
_MOST_PATHS = 4096
_NAME_FINDINGS = "(column name)"

Values = Sequence[Any]


class Redactor:
    """Drops, masks or tokenises what must not be written.

    Every column's verdict on card numbers rests on what it held before; use one redactor per
    process and one thread at a time. Nothing here puts a value into an error, a count or a repr.

    Parameters
    ----------
    redaction : Redaction
        What the team declares.
    key : bytes, optional
        Key of the tokens, 16 bytes or more; not kept. With a key, card numbers, IBANs, e-mail
        addresses and phone numbers become tokens as well; without, they are masked.
    key_variable : str, optional
        Name of the environment variable that holds the key.

    Attributes
    ----------
    counts : Counter
        Findings by (kind, column). Kinds: ``card``, ``iban``, ``email``, ``phone``, ``track``,
        ``cvv``; ``dropped`` and ``hashed`` as declared; ``suspected``: looks like a card number but
        left, since its column holds ids; ``refused``: nulled since no safe form of it exists.

    Raises
    ------
    DataError
        If fields are to be hashed and there is no key, or a key is too short.

    Examples
    --------
    >>> Redactor(Redaction()).columns("outcomes", {"reason": ["card 4111 1111 1111 1111 stolen"]})
    {'reason': ['card 411111******1111 stolen']}
    """

    def __init__(
        self, redaction: Redaction, key: bytes | None = None, *, key_variable: str | None = None
    ) -> None:
        self._redaction = redaction
        self._tokenizer = (
            Tokenizer(key) if key is not None
            else Tokenizer.from_environment(key_variable) if key_variable else None
        )  # fmt: skip
        if redaction.hash and self._tokenizer is None:
            raise DataError(
                "redaction", [f"hash: {len(redaction.hash)} fields are to be hashed, which needs a "
                              "key: give `key` or `key_variable`"],
            )  # fmt: skip
        self.counts: Counter[tuple[str, str]] = Counter()
        self._namings: dict[Path, Naming] = {}
        self._judges: dict[Path, ColumnJudge] = {}
        self._safe_names: dict[str, bool] = {}

    def __repr__(self) -> str:
        return f"Redactor({self._redaction!r})"

    def columns(self, table: str, columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Return a batch with new lists where something was changed; the batch stays as it is.

        Parameters
        ----------
        table : str
            The table of the standard record.
        columns : mapping of str to list
            Column name to values, nested or not. A column whose very name holds a card number is
            left out.
        """
        return {
            name: values if not values else self.column(table, (name,), values)
            for name, values in columns.items()
            if self.is_safe_name(name)
        }

    def arrow(self, table: str, rows: pa.Table) -> pa.Table:
        """Return Arrow rows redacted as `columns` does; columns of other types stay untouched."""
        from pellucid.log.redact.arrow import redact_rows

        return redact_rows(self, table, rows)

    def text(self, value: str) -> str:
        """Return a text for people, such as an error message, fit to be printed or written."""
        return self._sentence(str(value), "(text)")

    def is_safe_name(self, name: str) -> bool:
        """Return whether a column's name holds nothing that must not be written."""
        if (safe := self._safe_names.get(name)) is None:
            safe = not rewrite(name, lambda *_: "")[1]
            self._safe_names[name] = safe
        if not safe:
            self.counts["refused", _NAME_FINDINGS] += 1
        return safe

    def naming(self, path: Path) -> Naming:
        """Return what a column's or key's name says."""
        naming = self._namings.get(path)
        if naming is None:
            naming = read_name(self._redaction, path)
            if len(self._namings) < _MOST_PATHS:
                self._namings[path] = naming
        return naming

    def judge(self, table: str, path: Path, naming: Naming) -> ColumnJudge:
        """Return the judge of a column; ids that tables share have one, or joins would break."""
        key = path if naming.is_structural else (table, *path)
        if key not in self._judges and len(self._judges) >= _MOST_PATHS:
            key = (table, path[0])
        return self._judges.setdefault(key, ColumnJudge())

    @property
    def reads_keys(self) -> bool:
        """Whether the keys of nested values decide, and so JSON texts must be read."""
        return bool(self._redaction.drop or self._redaction.hash)

    def declared(self, naming: Naming, values: Values) -> list[Any] | None:
        """Return the values if the name alone decides; None if they must be looked at."""
        kind = naming.forbidden or ("dropped" if naming.is_dropped else "")
        if kind:
            self.counts[kind, naming.column] += sum(value is not None for value in values)
            return [None] * len(values)
        if naming.is_hashed and self._tokenizer is not None:
            token = self._tokenizer.token
            self.counts["hashed", naming.column] += sum(value is not None for value in values)
            return [None if value is None else token(value) for value in values]
        return None

    def column(self, table: str, path: Path, values: Values) -> Any:
        """Return a column's values redacted; the same object if nothing was found."""
        naming = self.naming(path)
        if (decided := self.declared(naming, values)) is not None:
            return decided
        if not naming.is_phone and is_clean(values, reads_keys=self.reads_keys):
            return values
        changed: list[Any] | None = None
        for treatment, places in by_treatment(values).items():
            redact = getattr(self, f"_{treatment}")
            part = [values[place] for place in places]
            found = redact(table, path, naming, part)
            for place, old, new in zip(places, part, found, strict=True):
                if new is not old:
                    changed = list(values) if changed is None else changed
                    changed[place] = new
        return values if changed is None else changed

    def _numbers(self, table: str, path: Path, naming: Naming, values: Values) -> Values:
        shortest = 7 if naming.is_phone else 12
        digits = [digits_of(value, shortest=shortest) for value in values]
        passed = {
            place: looks_like_card(values[place], text)
            for place, text in enumerate(digits)
            if len(text) >= SHORTEST and not naming.is_kept
        }
        judge = self.judge(table, path, naming)
        flagged = self._flagged(naming, judge, passed)
        changed = list(values)
        for place in flagged:
            # A numeric column holds no mask, a token neither.
            changed[place] = None
            self.counts["card", naming.column] += 1
            if naming.is_structural:
                self.counts["refused", naming.column] += 1
        if naming.is_phone:
            for place, text in enumerate(digits):
                if text and len(text) <= 15 and changed[place] is not None:
                    changed[place] = None
                    self.counts["phone", naming.column] += 1
        return changed

    def _flagged(self, naming: Naming, judge: ColumnJudge, passed: Mapping[int, bool]) -> list[int]:
        """Return the places to redact among those of 12 to 19 digits, given which of them pass."""
        if not passed:
            return []
        choice = self.choose(naming, judge, judge.observe(passed.values()), sum(passed.values()))
        if choice == "all":
            return list(passed)
        return [place for place, is_passed in passed.items() if is_passed and choice == "passing"]

    def choose(
        self, naming: Naming, judge: ColumnJudge, verdict: Verdict, passing: int
    ) -> Literal["all", "passing", "none"]:
        """Return which of a batch's values of 12 to 19 digits to redact; count what is left.

        An id that other rows refer to is given up while undecided only if most of them look so.
        """
        if verdict is Verdict.CARDS:
            return "all"
        is_doubt = verdict is not Verdict.IDS
        if verdict is Verdict.UNDECIDED and naming.is_structural:
            is_doubt = judge.is_mostly_cards
        if naming.is_single or is_doubt:
            return "passing"
        if passing:
            self.counts["suspected", naming.column] += passing
        return "none"

    def _texts(self, table: str, path: Path, naming: Naming, values: Values) -> Values:
        changed = list(values)
        passed: dict[int, bool] = {}
        parsed: dict[int, Any] = {}
        every = naming.is_phone or self.reads_keys
        for place in range(len(values)) if every else suspects(values):
            value = values[place]
            if value.isdigit() and not naming.is_phone and value.isascii():
                if SHORTEST <= len(value) <= LONGEST and not naming.is_kept:
                    passed[place] = is_card(value)
            elif naming.is_phone and is_phone_value(fold(value)):
                changed[place] = self._instead("phone", value)
                self.counts["phone", naming.column] += 1
            elif (value[:1] in ("{", "[")) and (self.reads_keys or may_hold(value)):
                nested = _parsed(value)
                if nested is None:
                    changed[place] = self._sentence(value, naming.column)
                else:
                    parsed[place] = nested
            elif may_hold(value):
                folded = without_hex(fold(value))
                if not may_hold(folded):
                    continue
                affix = affix_of_number(folded)
                if affix is None or CARD_WORDS.intersection(words_of(affix)) or (
                    affix and next(find_ibans(folded), None)
                ):  # fmt: skip
                    changed[place] = self._value(naming, value)
                elif not naming.is_kept:
                    passed[place] = next(find_cards(folded), None) is not None
        for place in self._flagged(naming, self.judge(table, path, naming), passed):
            changed[place] = self.number(naming, values[place])
        if parsed:
            before = list(parsed.values())
            after = self._nested(table, path, naming, before)
            for place, old, new in zip(parsed, before, after, strict=True):
                if new is not old:
                    changed[place] = json.dumps(new, ensure_ascii=False, default=str)
        return changed

    def _value(self, naming: Naming, value: str) -> str | None:
        """Return a value with what it holds replaced; an id is replaced whole."""
        text = self._sentence(value, naming.column)
        if text == value or not naming.is_structural:
            return value if text == value else text
        return self._whole(naming, value)

    def number(self, naming: Naming, value: str) -> str | None:
        """Return what stands for a value that is flagged as a card number."""
        if naming.is_structural:
            self.counts["card", naming.column] += 1
            return self._whole(naming, value)
        text = self._sentence(value, naming.column)
        if text != value:
            return text
        self.counts["card", naming.column] += 1
        return self._instead("card", "".join(c for c in fold(value) if c.isdigit()))

    def _whole(self, naming: Naming, value: str) -> str | None:
        if self._tokenizer is not None:
            return self._tokenizer.token(value)
        # A mask is not unique and a plain hash can be undone: no id is safer than either.
        self.counts["refused", naming.column] += 1
        return None

    def _sentence(self, text: str, column: str) -> str:
        new, kinds = rewrite(text, self._instead)
        for kind in kinds:
            self.counts[kind, column] += 1
        return new if kinds else text

    def _instead(self, kind: str, found: str) -> str:
        if kind in ("track", "cvv"):
            return f"[{kind}]"
        if self._tokenizer is not None:
            return self._tokenizer.token(found)
        return mask(found) if kind == "card" else f"[{kind}]"

    def _nested(self, table: str, path: Path, naming: Naming, values: Values) -> Values:
        leaves: dict[Path, list[Any]] = {}

        def collect(place: Path, value: Any) -> Any:
            leaves.setdefault(place, []).append(value)
            return value

        for value in values:
            visit(value, path, collect, lambda key: key)
        redacted = {
            place: iter(self._leaves(table, place, found)) for place, found in leaves.items()
        }
        return [
            visit(value, path, lambda place, _: next(redacted[place]), self._key(naming))
            for value in values
        ]

    def _leaves(self, table: str, path: Path, values: list[Any]) -> Values:
        if any(value is TOO_DEEP for value in values):
            self.counts["refused", path[0]] += sum(value is TOO_DEEP for value in values)
            values = [None if value is TOO_DEEP else value for value in values]
        found: Values = self.column(table, path, values)
        return found

    def _key(self, naming: Naming) -> Callable[[Any], Any]:
        def safe(key: Any) -> Any:
            text = key if isinstance(key, str) else str(key)
            new = self._sentence(text, naming.column) if may_hold(text) else text
            return key if new == text else new

        return safe

    def _opaque(self, _table: str, _path: Path, naming: Naming, values: Values) -> Values:
        changed = list(values)
        for place, value in enumerate(values):
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            if may_hold(text) and self._sentence(text, naming.column) != text:
                self.counts["refused", naming.column] += 1
                changed[place] = None
        return changed


def _parsed(text: str) -> Any:
    """Return the value of a JSON text; None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
