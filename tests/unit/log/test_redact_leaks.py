"""Redaction: nothing that must not be written survives, whatever it is dressed in."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pytest

from pellucid.errors import DataError
from pellucid.log.redact import Redaction, Redactor
from pellucid.log.redact.cards import BRANDS, is_card, luhn, mask
from pellucid.log.redact.other import is_iban
from pellucid.log.redact.vector import are_cards

KEY = b"a key for tests, 32 bytes long.."
RANDOM = random.Random(7)
VISA, MASTERCARD, AMEX, DISCOVER = (
    "4111111111111111", "5555555555554444", "378282246310005", "6011111111111117",
)  # fmt: skip
IBANS = (
    "GB82WEST12345698765432", "DE89370400440532013000", "NL91ABNA0417164300",
    "FR1420041010050500013M02606", "NO9386011117947", "MT84MALT011000012345MTLCAST001S",
)  # fmt: skip


def card_of(prefix: str, length: int) -> str:
    body = prefix + "".join(RANDOM.choice("0123456789") for _ in range(length - len(prefix) - 1))
    return next(body + check for check in "0123456789" if luhn(body + check))


CORPUS = sorted({
    VISA, MASTERCARD, AMEX, DISCOVER,
    *(card_of(str(edge), size)
      for _, low, high, sizes in BRANDS for edge in (low, high) for size in sizes),
})  # fmt: skip


def grouped(pan: str, separator: str) -> str:
    return separator.join(re.findall(".{1,4}", pan))


SPELLINGS = {
    "plain": lambda pan: pan,
    "spaces": lambda pan: grouped(pan, " "),
    "dashes": lambda pan: grouped(pan, "-"),
    "dots": lambda pan: grouped(pan, "."),
    "plus": lambda pan: grouped(pan, "+"),
    "no-break": lambda pan: grouped(pan, "\u00a0"),
    "thin": lambda pan: grouped(pan, "\u2009"),
    "zero-width": lambda pan: grouped(pan, "\u200b"),
    "en-dash": lambda pan: grouped(pan, "\u2013"),
    "percent": lambda pan: grouped(pan, "%20"),
    "percent-no-break": lambda pan: grouped(pan, "%C2%A0"),
    "double-percent": lambda pan: grouped(pan, "%2520"),
    "escaped": lambda pan: grouped(pan, "\\u00a0"),
    "escaped-digits": lambda pan: "".join(f"\\u{ord(c):04x}" for c in pan),
    "fullwidth": lambda pan: "".join(chr(0xFF10 + int(c)) for c in pan),
    "arabic": lambda pan: "".join(chr(0x660 + int(c)) for c in pan),
    "sentence": lambda pan: f"card {pan} was declined, call the bank",
    "beside": lambda pan: f"2024-01-05 {grouped(pan, ' ')} 12/27",
    "query": lambda pan: f"https://pay.example/?a=1&pan={pan}&x=2",
    "url": lambda pan: quote(f"pan={grouped(pan, ' ')}&name=A B"),
    "form": lambda pan: quote_plus(f"pan={grouped(pan, ' ')}"),
    "json": lambda pan: json.dumps({"a": [{"b": pan}]}),
    "json-number": lambda pan: json.dumps({"a": [{"b": int(pan)}]}),
    "json-in-json": lambda pan: json.dumps({"a": json.dumps({"b": json.dumps([pan])})}),
    "json-broken": lambda pan: json.dumps({"a": {"b": pan}})[:-1],
    "json-key": lambda pan: json.dumps({pan: 1}),
    "track-1": lambda pan: f"%B{pan}^DOE/JOHN^29121010000000000?",
    "track-2": lambda pan: f";{pan}=29121010000012345?",
    "track-2-bare": lambda pan: f"{pan}=29121010000012345",
    "float-text": lambda pan: f"{pan}.0",
    "prefixed": lambda pan: f"pan:{pan}",
    "xml": lambda pan: f"<PAN>{pan}</PAN>",
}
COLUMNS = ("f_bank", "raw_card", "country", "reason", "request_id", "decision_id", "pick_model")


def digits_of(value: object) -> str:
    """Every digit of a repr, of any script or escape, and nothing else."""
    text = repr(value).encode().decode("unicode_escape", "replace") + repr(value)
    return "".join(str(int(c)) if c.isdecimal() else "" if c in " -.+_" else c for c in text)


def assert_gone(pan: str, value: object) -> None:
    assert pan not in digits_of(value).replace("\xa0", "").replace("%20", "")
    assert pan[6:-4] + pan[-4:] not in digits_of(value)


@pytest.mark.parametrize("key", [None, KEY], ids=["masked", "tokens"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_card_number_survives(spelling: str, key: bytes | None) -> None:
    """Every brand and length, in every spelling and column, alone in its batch."""
    for number, pan in enumerate(CORPUS):
        text = SPELLINGS[spelling](pan)
        column = COLUMNS[number % len(COLUMNS)]
        before = {column: ["x", text, None]}
        after = Redactor(Redaction(), key).columns("decisions", before)
        assert after[column][1] != text, (spelling, column)
        assert_gone(pan, after)
        rows = Redactor(Redaction(), key).arrow("decisions", pa.table(before))
        assert_gone(pan, rows.to_pylist())
        assert_gone(pan, Redactor(Redaction(), key).text(text))
        nested = [{"a": [{"b": text}], "c": (1, {"n": int(pan), "f": Decimal(pan)})}, None]
        assert_gone(pan, Redactor(Redaction(), key).columns("decisions", {"raw_request": nested}))


@pytest.mark.parametrize("column", ["f_card", "country", "amount_minor", "request_id", "f_x"])
def test_numbers_that_are_cards_become_null(column: str) -> None:
    for pan in CORPUS:
        kinds: list[object] = [int(pan), Decimal(pan), -int(pan)]
        kinds.append(float(pan))
        for value in kinds:
            redactor = Redactor(Redaction())
            assert redactor.columns("t", {column: [value, None]}) == {column: [None, None]}
            assert redactor.counts["card", column] == 1
    whole = pa.array([int(VISA), 12, None], pa.int64())
    floats = pa.array([float(VISA), float("nan"), float("inf")])
    rows = Redactor(Redaction()).arrow("t", pa.table({"f_a": whole, "f_b": floats}))
    assert rows.column("f_a").to_pylist() == [None, 12, None]
    assert rows.column("f_b").to_pylist()[0] is None


def test_a_column_of_cards_is_masked_whole_even_mistyped_ones() -> None:
    typo = "4111111111111112"
    values = [VISA] * 20 + [typo]
    after = Redactor(Redaction()).columns("t", {"country": values})
    assert set(after["country"]) == {"411111******1111", "411111******1112"}
    rows = Redactor(Redaction()).arrow("t", pa.table({"country": values}))
    assert set(rows.column("country").to_pylist()) == {"411111******1111", "411111******1112"}


@pytest.mark.parametrize("count", [1, 3])
def test_few_values_are_masked_until_the_column_is_known(count: int) -> None:
    redactor = Redactor(Redaction())
    assert redactor.columns("t", {"f_x": [VISA] * count})["f_x"] == ["411111******1111"] * count
    ids = [f"{n:016d}" for n in range(10**15, 10**15 + 50)]
    redactor.columns("t", {"f_x": ids})
    assert redactor.columns("t", {"f_x": ids})["f_x"] is ids


def test_a_column_that_turns_from_ids_to_cards_is_seen_within_six_values() -> None:
    redactor = Redactor(Redaction())
    redactor.columns("t", {"f_x": [f"{n:016d}" for n in range(10**15, 10**15 + 3000)]})
    after = [redactor.columns("t", {"f_x": [VISA]})["f_x"][0] for _ in range(20)]
    assert after.index("411111******1111") == 5
    assert after[5:] == ["411111******1111"] * 15
    assert redactor.counts["suspected", "f_x"] >= 5


@pytest.mark.parametrize("text", IBANS)
@pytest.mark.parametrize("spell", [str, lambda t: grouped(t, " "), str.lower, lambda t: f"to {t}."])
def test_ibans_are_found_everywhere(text: str, spell: object) -> None:
    assert is_iban(text)
    for value in (spell(text), quote(spell(text)), json.dumps([spell(text)])):
        for column in ("country", "reason", "raw_x"):
            after = Redactor(Redaction()).columns("t", {column: [value]})[column][0]
            assert "[iban]" in after
            assert text[8:].lower() not in after.lower().replace(" ", "")
            rows = Redactor(Redaction()).arrow("t", pa.table({column: [value]}))
            assert rows.column(column).to_pylist() == [after]


def test_vectors_of_the_methods() -> None:
    assert all(map(is_card, (VISA, MASTERCARD, AMEX, DISCOVER)))
    assert not is_card("4111111111111112")
    assert is_iban("GB82WEST12345698765432")
    assert not is_iban("GB82WEST12345698765433")
    assert mask(VISA) == "411111******1111"


def test_arrays_and_texts_agree_on_what_a_card_is() -> None:
    import numpy as np

    numbers = [RANDOM.randrange(10**11, 10**19) // 10 ** RANDOM.randrange(8) for _ in range(20000)]
    numbers = [n for n in numbers if n >= 10**11] + [int(pan) for pan in CORPUS]
    found = are_cards(np.array(numbers, dtype=np.uint64))
    assert found.tolist() == [is_card(str(n)) for n in numbers]
    assert found[-len(CORPUS) :].all()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("write to bob.smith+x@mail.example.com now", "write to [email] now"),
        ("call +49 (151) 1234-5678 now", "call [phone] now"),
        ("email%3Dbob%40example.com", "email=[email]"),
        ("cvv: 123, CVC2=9876", "cvv: [cvv], CVC2=[cvv]"),
        ('{"cvv": "123"', '{"cvv": "[cvv]"'),
        ("security code is 123", "security code is [cvv]"),
        (f"paid {VISA} and {AMEX}", "paid 411111******1111 and 378282******005"),
    ],
)
def test_other_findings_in_text(text: str, clean: str) -> None:
    assert Redactor(Redaction()).text(text) == clean
    assert Redactor(Redaction()).columns("t", {"reason": [text]})["reason"] == [clean]
    rows = Redactor(Redaction()).arrow("t", pa.table({"reason": [text]}))
    assert rows.column("reason").to_pylist() == [clean]


def test_codes_and_tracks_are_dropped_by_name() -> None:
    batch = {
        "raw_cvv": ["123", None], "f_CVC2": [123, 4], "cid": ["1", "2"],
        "raw_security_code": ["12", "3"], "f_cvv_match": ["M", "N"],
        "raw_pay": [{"card": {"securityCode": 123, "cvv_result": "M"}, "track2": "x"}, {}],
    }  # fmt: skip
    redactor = Redactor(Redaction())
    after = redactor.columns("t", batch)
    assert after["raw_cvv"] == after["f_CVC2"] == after["cid"] == [None, None]
    assert after["f_cvv_match"] is batch["f_cvv_match"]
    nested = {"card": {"securityCode": None, "cvv_result": "M"}, "track2": None}
    assert after["raw_pay"] == [nested, {}]
    assert redactor.counts["cvv", "raw_cvv"] == 1
    assert redactor.counts["cvv", "raw_pay"] == 1
    assert redactor.counts["track", "raw_pay"] == 1
    counted = Redactor(Redaction())
    counted.arrow("t", pa.table({"raw_cvv": batch["raw_cvv"]}))
    assert counted.counts == {("cvv", "raw_cvv"): 1}


def test_phone_columns_take_numbers_of_any_form() -> None:
    batch = {"raw_phone": ["0151 1234567", "none", None], "f_mobile_number": [1511234567, 12, None]}
    after = Redactor(Redaction()).columns("t", batch)
    assert after == {"raw_phone": ["[phone]", "none", None], "f_mobile_number": [None, 12, None]}
    assert Redactor(Redaction()).arrow("t", pa.table(batch)).to_pydict() == after


def test_declared_fields_are_dropped_and_hashed_in_every_entry() -> None:
    redaction = Redaction(drop=("raw_email", "*.name"), hash=("customer_id", "*.token"))
    batch = {
        "raw_email": ["a", None], "customer_id": ["c1", None],
        "raw_order": [{"name": {"first": "Ann"}, "token": 7, "n": 1}, None],
        "raw_json": ['{"name": "Ann", "token": "7", "n": 1}', "{}"],
    }  # fmt: skip
    redactor = Redactor(redaction, KEY)
    after = redactor.columns("t", batch)
    token = after["customer_id"][0]
    assert re.fullmatch("h:[0-9a-f]{32}", token)
    assert after["raw_email"] == [None, None]
    inner = after["raw_order"][0]["token"]
    assert after["raw_order"][0] == {"name": {"first": None}, "token": inner, "n": 1}
    assert json.loads(after["raw_json"][0]) == {"name": None, "token": inner, "n": 1}
    assert redactor.columns("t", after)["customer_id"] == [token, None]
    flat = {name: batch[name] for name in ("raw_email", "customer_id", "raw_json")}
    assert redactor.arrow("t", pa.table(flat)).to_pydict() == {n: after[n] for n in flat}
    assert redactor.counts["hashed", "customer_id"] == 2 + 1
    other = Redactor(redaction, b"another key, 32 bytes long......")
    assert other.columns("t", batch)["customer_id"][0] != token


def test_hashing_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="needs a key"):
        Redactor(Redaction(hash=("x",)))
    with pytest.raises(DataError, match="16 or more") as caught:
        Redactor(Redaction(), b"short-key")
    assert "short-key" not in str(caught.value)
    with pytest.raises(DataError, match="ABSENT_KEY"):
        Redactor(Redaction(), key_variable="ABSENT_KEY")
    monkeypatch.setenv("SOME_KEY", KEY.decode())
    by_name = Redactor(Redaction(hash=("x",)), key_variable="SOME_KEY")
    by_value = Redactor(Redaction(hash=("x",)), KEY)
    assert by_name.columns("t", {"x": ["v"]}) == by_value.columns("t", {"x": ["v"]})
    assert KEY.decode() not in repr(by_value) + repr(vars(by_value))


def test_ids_are_kept_unless_they_are_cards() -> None:
    uuids = ["41111111-1111-1111-a111-111111111111", "550e8400-e29b-41d4-a716-446655440000"]
    digests = ["4111111111111111" + "ab" * 8, "5f" * 32]
    millis = [str(1_700_000_000_000 + n) for n in range(500)]
    for values in (uuids, digests, millis):
        batch = {"request_id": values, "decision_id": values}
        redactor = Redactor(Redaction())
        after = redactor.columns("decisions", batch)
        assert after["request_id"] is values
        assert after["decision_id"] is values
        assert not redactor.counts
        rows = pa.table(batch)
        assert redactor.arrow("decisions", rows).column(0) == rows.column(0)


def test_ids_that_are_cards_join_by_token_or_are_refused() -> None:
    pans = [card_of("4", 16) for _ in range(10)]
    keyed = Redactor(Redaction(), KEY)
    first = keyed.columns("decisions", {"decision_id": pans})["decision_id"]
    second = keyed.columns("outcomes", {"decision_id": pans[::-1]})["decision_id"]
    assert first == second[::-1]
    assert len(set(first)) == 10
    rows = keyed.arrow("candidates", pa.table({"decision_id": pans}))
    assert rows.column("decision_id").to_pylist() == first
    bare = Redactor(Redaction())
    assert bare.columns("decisions", {"decision_id": pans}) == {"decision_id": [None] * 10}
    assert bare.counts["refused", "decision_id"] == 10


def test_numbers_declared_harmless_are_kept_but_sentences_are_not() -> None:
    redactor = Redactor(Redaction(keep_numbers=("f_ref", "reason")))
    batch = {"f_ref": [VISA] * 3, "reason": [f"card {VISA} lost"]}
    after = redactor.columns("t", batch)
    assert after["f_ref"] is batch["f_ref"] or after["f_ref"] == batch["f_ref"]
    assert after["reason"] == ["card 411111******1111 lost"]


def test_clean_columns_come_back_as_they_are() -> None:
    batch = {
        "f_a": [0.1, float("nan"), None, -5e300, float("-inf")], "f_b": [1, -2, True],
        "country": ["BR", None], "t": [datetime(2026, 1, 1, tzinfo=UTC), None], "n": [None, None],
        "raw_j": ['{"x": 0.4532015112830366, "y": [1, 2]}'], "raw_d": [{"x": [1, {"y": "z"}]}],
        "empty": [], "reason": ["cvv mismatch", "insufficient_funds 2024-01-05 12:30:45"],
    }  # fmt: skip
    redactor = Redactor(Redaction(), KEY)
    after = redactor.columns("t", batch)
    for name, values in batch.items():
        assert repr(after[name]) == repr(values), name
        assert all(new is old for new, old in zip(after[name], values, strict=True)), name
    assert not redactor.counts


def test_strange_values_leak_nothing() -> None:
    loop: dict = {"pan": VISA}
    loop["self"] = [loop, loop]

    class Shown:
        def __str__(self) -> str:
            return f"card {VISA}"

    deep: list = [VISA]
    for _ in range(100):
        deep = [deep]
    batch = {
        "raw_a": [loop], "raw_b": [Shown(), None], "raw_c": [f"pan {VISA}".encode()],
        "raw_d": [deep], "raw_e": [{VISA: 1, int(VISA): 2}], "raw_f": ["\ud800 " + VISA],
        f"raw_{VISA}": [1], "raw_g": [VISA, int(VISA), 2.5, {"a": VISA}, None],
        "raw_h": [{VISA, "x"}],
    }  # fmt: skip
    redactor = Redactor(Redaction())
    after = redactor.columns("t", batch)
    assert VISA not in repr(after)
    assert VISA not in repr(redactor.counts) + repr(redactor)
    assert f"raw_{VISA}" not in after
    assert after["raw_g"] == ["411111******1111", None, 2.5, {"a": "411111******1111"}, None]


def test_every_arrow_type_is_looked_at() -> None:
    nested = [{"a": {"number": VISA, "n": [int(VISA)]}}] * 2
    table = pa.table({
        "s": pa.chunked_array([[VISA], ["x"]]), "l": pa.array([VISA, "x"], pa.large_string()),
        "v": pa.array([VISA, "x"], pa.string_view()), "b": pa.array([VISA.encode(), b"x"]),
        "d": pa.array([VISA, "x"]).dictionary_encode(), "t": pa.array(nested),
        "m": pa.array([[(VISA, VISA)], []], pa.map_(pa.string(), pa.string())),
        "u": pa.array([int(VISA), 1], pa.uint64()), "f": pa.array([float(VISA), 1.5]),
        "c": pa.array([Decimal(VISA), Decimal(1)], pa.decimal128(20)),
        "i": pa.array([1, 2], pa.int8()), "e": pa.nulls(2),
    })  # fmt: skip
    rows = Redactor(Redaction()).arrow("t", table)
    assert VISA not in repr(rows.to_pylist())
    assert rows.schema.field("i") == table.schema.field("i")
    assert rows.column("s").to_pylist() == ["411111******1111", "x"]
    sliced = Redactor(Redaction()).arrow("t", table.slice(0, 0))
    assert sliced.num_rows == 0
