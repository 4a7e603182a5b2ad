"""Real streams of decisions as pellucid logs them, with what is known to have happened in each.

Rows are read from `../shared/data` (see `DATA`) and stay there. What is known stands in the README
of each set and in its files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pellucid.spec.system import Candidate, Dimension, Feature, Outcome, System
from pellucid.windows import Window

DATA = Path(__file__).parents[2] / "shared" / "data"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_TIME = pa.timestamp("us", tz="UTC")
_HISTORY, _SHORT_HISTORY = 28 * DAY, 14 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Something that happened.

    Attributes
    ----------
    name : str
    start, end : datetime
        From when until when an alert can be raised about it, so that its outcomes are mature.
    subjects : tuple of str
        Metrics or columns, or parts of their names, that an alert about it is of.
    """

    name: str
    start: datetime
    end: datetime
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream and what is known of it.

    Attributes
    ----------
    system : System
        As a team would write it.
    tables : dict of str to pyarrow.Table
        Of the standard record.
    judged : Window
    known : tuple of Known
    beside : dict of date to str
        UTC days on which what may explain an incident, such as bad weather, is on record.
    beside_share : float
        Part of all days that these are: of what chance alone would explain.
    """

    system: System
    tables: dict[str, pa.Table]
    judged: Window
    known: tuple[Known, ...]
    beside: dict[date, str] = field(default_factory=dict)
    beside_share: float = 0.0


def flights() -> Stream:
    """Departures from New York in 2013: whether a flight leaves, and is in time."""
    rows = pq.read_table(DATA / "nycflights13" / "flights.parquet")
    at = _shifted(rows["time_hour"].cast(_TIME), _floats(rows["minute"]) * 60)
    left = _floats(rows["dep_time"])
    late = _floats(rows["arr_delay"])
    is_cancelled, flown_s = np.isnan(left), np.nan_to_num(_floats(rows["air_time"])) * 60
    ids = _ids(rows.num_rows)
    known_s = np.where(is_cancelled, 0.0, flown_s + 2400 + 60 * np.nan_to_num(late))
    # A diverted flight has neither been cancelled nor arrived as planned: not known.
    arrived = is_cancelled | ~np.isnan(late)
    system = System(
        name="flights",
        dimensions=tuple(Dimension(name=name) for name in ("origin", "carrier", "dest")),
        outcomes=(
            Outcome(name="departed", matures_after="6h"),
            Outcome(name="on_time", matures_after="12h", is_predicted=True),
        ),
    )  # fmt: skip
    departed_at = _shifted(at, 60 * np.nan_to_num(_floats(rows["dep_delay"])))
    tables = {
        "decisions": _decisions(ids, at, origin=rows["origin"], carrier=rows["carrier"],
                                dest=rows["dest"]),
        "outcomes": pa.concat_tables([
            _outcomes(ids, "departed", ~is_cancelled, at, departed_at),
            _outcomes(ids, "on_time", late <= 15, at, _shifted(at, known_s)).filter(
                pa.array(arrived)),
        ]),
    }  # fmt: skip
    weather = _weather_days()
    judged = _judged(at, _HISTORY)
    return Stream(
        system=system, tables=tables, judged=judged,
        known=tuple(_flight_days(rows, is_cancelled, judged)), beside=weather,
        beside_share=len(weather) / 365,
    )  # fmt: skip


def _flight_days(rows: pa.Table, is_cancelled: np.ndarray, judged: Window) -> Iterator[Known]:
    """Yield the days of which more than a tenth of the flights was cancelled."""
    days = np.array([date(2013, month, day) for month, day in zip(
        rows["month"].to_pylist(), rows["day"].to_pylist(), strict=True)])  # fmt: skip
    for day in sorted(set(days)):
        share = is_cancelled[days == day].mean()
        start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo("America/New_York"))
        start = start.astimezone(UTC)
        if share > 0.1 and judged.start <= start < judged.end:
            yield Known(name=f"{day}: {share:.0%} cancelled", start=start, end=start + 2 * DAY,
                        subjects=("departed", "on_time"))  # fmt: skip


def _weather_days() -> dict[date, str]:
    """Return days with three hours of rain of 0.1 in, gusts of 40 mph or sight of 2 miles."""
    rows = pq.read_table(DATA / "nycflights13" / "weather.parquet")
    visib, gust, rain = (_floats(rows[name]) for name in ("visib", "wind_gust", "precip"))
    # Nothing read is no bad weather: comparisons with NaN are false.
    with np.errstate(invalid="ignore"):
        is_bad = (visib <= 2) | (gust >= 40) | (rain >= 0.1)
    days: dict[date, int] = {}
    for at in rows["time_hour"].filter(pa.array(is_bad)).to_pylist():
        days[at.astimezone(UTC).date()] = days.get(at.astimezone(UTC).date(), 0) + 1
    return {day: "bad weather" for day, hours in days.items() if hours >= 3}


def electricity() -> Stream:
    """Half-hourly electricity prices, and a model that foretells whether they fall."""
    rows = pq.read_table(DATA / "elec2" / "elec2.parquet")
    names = ("nswdemand", "vicprice", "vicdemand", "transfer")
    period = _floats(rows["period"])
    inputs = np.column_stack([*(_floats(rows[name]) for name in names), period])
    down = _floats(rows["label"])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(inputs[:5000], down[:5000])
    probability = model.predict_proba(inputs)[:, 1]
    at, ids = rows["timestamp"].cast(_TIME), _ids(rows.num_rows)
    system = System(
        name="electricity", score_unit="probability",
        features=tuple(Feature(name=name) for name in names),
        outcomes=(
            Outcome(name="down", matures_after="1h", is_predicted=True),
            Outcome(name="right", matures_after="1h"),
        ),
    )  # fmt: skip
    recorded = _shifted(at, np.full(rows.num_rows, 1800.0))
    features = {f"f_{name}": rows[name].cast(pa.float64()) for name in names}
    tables = {
        "decisions": _decisions(ids, at),
        "candidates": _candidates(ids, at, "price", probability, **features),
        "outcomes": pa.concat_tables([
            _outcomes(ids, "down", down == 1, at, recorded),
            _outcomes(ids, "right", (probability >= 0.5) == (down == 1), at, recorded),
        ]),
    }  # fmt: skip
    awake = datetime(1997, 5, 5, tzinfo=UTC)
    known = Known(name="vicprice, vicdemand and transfer, stuck until then, vary", start=awake,
                  end=awake + 3 * DAY, subjects=("vicprice", "vicdemand", "transfer"))  # fmt: skip
    start = datetime(1996, 6, 4, tzinfo=UTC)
    stuck = Known(name="vicprice, vicdemand and transfer are stuck", start=start, end=awake,
                  subjects=known.subjects)  # fmt: skip
    return Stream(system=system, tables=tables, judged=_judged(at, _HISTORY), known=(stuck, known))


def loans() -> Stream:
    """Car loans with faults in their data: more missing and unseen values from a day on."""
    parts = [pq.read_table(DATA / "nannyml_car_loan_dq" / f"{name}.parquet")
             for name in ("reference", "analysis")]  # fmt: skip
    rows = pa.concat_tables([parts[0].drop_columns(["repaid"]), parts[1]])
    kinds = {"car_value": "number", "salary_range": "category", "debt_to_income_ratio": "number",
             "loan_length": "number", "repaid_loan_on_prev_car": "boolean",
             "size_of_downpayment": "category", "driver_tenure": "number"}  # fmt: skip
    system = System(
        name="loans", score_unit="probability",
        features=tuple(Feature(name=name, kind=kind) for name, kind in kinds.items()),
    )  # fmt: skip
    at, ids = rows["timestamp"].cast(_TIME), _ids(rows.num_rows)
    features = {f"f_{name}": rows[name] for name in kinds}
    tables = {"decisions": _decisions(ids, at),
              "candidates": _candidates(ids, at, "loan", _floats(rows["y_pred_proba"]),
                                        **features)}  # fmt: skip
    return Stream(
        system=system, tables=tables, judged=_judged(at, _HISTORY), known=tuple(_loan_faults())
    )


def _loan_faults() -> Iterator[Known]:
    """Yield where another tool's shares of missing and unseen values went to another level."""
    change = datetime(2019, 3, 31, 3, tzinfo=UTC)
    # As the README of `nannyml_car_loan` says, of which these rows are a copy.
    yield Known(name="the loans themselves change", start=change, end=change + 29 * DAY,
                subjects=("car_value", "loan_length", "repaid_loan", "score"))  # fmt: skip
    for kind in ("missing", "unseen"):
        rows = pq.read_table(DATA / "nannyml_car_loan_dq" / f"expected_{kind}.parquet").to_pylist()
        names = [name.removesuffix("_alert") for name in rows[0] if name.endswith("_alert")]
        for name in names:
            shares = [row[f"{name}_value"] for row in rows]
            for place in range(1, len(rows)):
                gained = shares[place] - shares[place - 1]
                # The rest of the chunks of a level is within 0.02 of missing, 0.004 of unseen.
                if gained > (0.05 if kind == "missing" else 0.005):
                    start = rows[place]["chunk_start_date"].replace(tzinfo=UTC)
                    told = f"{shares[place - 1]:.1%} to {shares[place]:.1%} {kind}"
                    yield Known(name=f"{name}: {told}", start=start, end=start + 29 * DAY,
                                subjects=(name,))  # fmt: skip


def frauds() -> Stream:
    """Simulated card payments whose fraud labels come a week late."""
    rows = pq.read_table(DATA / "fraud_sim" / "transactions_2018-04_2018-06.parquet")
    at, ids = rows["TX_DATETIME"].cast(_TIME), _ids(rows.num_rows)
    cents = _floats(rows["TX_AMOUNT_CENTS"])
    band = np.array(["under 20", "20 to 50", "50 to 100", "over 100"])[
        np.digitize(cents, [2000, 5000, 10000])
    ]
    system = System(
        name="frauds", dimensions=(Dimension(name="amount_band"),),
        features=(Feature(name="amount"),),
        outcomes=(Outcome(name="fraud", matures_after="7d", better="down", is_predicted=True),),
    )  # fmt: skip
    tables = {
        "decisions": _decisions(ids, at, amount_band=pa.array(band)),
        "candidates": _candidates(ids, at, "payment", None, f_amount=pa.array(cents / 100)),
        "outcomes": _outcomes(ids, "fraud", _floats(rows["TX_FRAUD"]) == 1, at,
                              _shifted(at, np.full(rows.num_rows, 7 * 86400.0))),
    }  # fmt: skip
    first = datetime(2018, 4, 1, tzinfo=UTC)
    ramp = Known(name="ramp-up of compromised terminals until 28 Apr", start=first,
                 end=first + 36 * DAY, subjects=("fraud_rate",))  # fmt: skip
    judged = _judged(at, _SHORT_HISTORY)
    return Stream(system=system, tables=tables, judged=judged, known=(ramp,))


def payments() -> Stream:
    """Attempts at payments over four processors; nothing is known to have gone wrong."""
    rows = pq.read_table(DATA / "psp_routing" / "transactions_2019-01-01_2019-02-03.parquet")
    at, ids = rows["tmsp"].cast(_TIME), _ids(rows.num_rows)
    system = System(
        name="payments", candidate=Candidate(name="processor"),
        dimensions=tuple(Dimension(name=name) for name in ("country", "card", "is_3d_secured")),
        outcomes=(Outcome(name="success", matures_after="1h", is_predicted=True),),
    )  # fmt: skip
    secured = pc.if_else(pc.equal(rows["is_3d_secured"], 1), "yes", "no")
    decisions = _decisions(ids, at, chosen=rows["PSP"], country=rows["country"], card=rows["card"],
                           is_3d_secured=secured)  # fmt: skip
    tables = {
        "decisions": decisions,
        "outcomes": _outcomes(ids, "success", _floats(rows["success"]) == 1, at,
                              _shifted(at, np.full(rows.num_rows, 60.0))),
    }  # fmt: skip
    judged = _judged(at, _SHORT_HISTORY)
    return Stream(system=system, tables=tables, judged=judged, known=())


STREAMS: dict[str, Callable[[], Stream]] = {
    "nycflights13": flights, "elec2": electricity, "nannyml_car_loan_dq": loans,
    "fraud_sim": frauds, "psp_routing": payments,
}  # fmt: skip


def _decisions(ids: pa.Array, at: Any, **columns: Any) -> pa.Table:
    return pa.table({"decision_id": ids, "decided_at": at, **columns})


def _candidates(
    ids: pa.Array, at: Any, name: str, score: np.ndarray | None, **features: Any
) -> pa.Table:
    count = len(ids)
    scores = {} if score is None else {"raw_score": score, "probability": score}
    return pa.table({
        "decision_id": ids, "decided_at": at, "candidate_id": pa.array([name] * count),
        "is_eligible": np.ones(count, dtype=bool), "is_chosen": np.ones(count, dtype=bool),
        **scores, **features,
    })  # fmt: skip


def _outcomes(ids: pa.Array, name: str, value: np.ndarray, at: Any, recorded: Any) -> pa.Table:
    return pa.table({
        "decision_id": ids, "outcome": pa.array([name] * len(ids)),
        "value": value.astype(np.float64), "outcome_at": at, "recorded_at": recorded,
    })  # fmt: skip


def _ids(count: int) -> pa.Array:
    return pa.array(np.char.add("d", np.arange(count).astype(str)))


def _floats(column: Any) -> np.ndarray:
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _shifted(at: Any, seconds: np.ndarray) -> pa.Array:
    base = np.asarray(at.cast(pa.int64()).to_numpy())
    return pa.array(base + (seconds * 1e6).astype(np.int64)).cast(_TIME)


def _judged(at: Any, history: timedelta) -> Window:
    first, last = pc.min(at).as_py().astimezone(UTC), pc.max(at).as_py().astimezone(UTC)
    start = first.replace(hour=0, minute=0, second=0, microsecond=0) + history
    return Window(start, last.replace(minute=0, second=0, microsecond=0))
