"""What the detectors of anomalies and change points say of series that people have labelled.

Three public sets, each skipped where its folder is missing: streams of the Numenta benchmark, a
KPI with expert labels, and the Turing change-point series. Thresholds were chosen on every second
series of the first and the last, in the order of their names; those and the others are shown apart.
The others are no untouched test: about twenty forms of the stream detector (its signals, days of
maxima, how long a part of a short series stands for a day, pauses) and five criteria of a change
were compared with results on all series in view. Only new series can tell how well they do.

python benchmarks/truth_anomalies.py
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from harness import RESULTS
from numpy.typing import NDArray

from pellucid.monitor.anomalies.dating import change_points
from pellucid.monitor.anomalies.streaming import novelty, stream_alerts

BENCH = "truth_anomalies"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
# Weights of a hit, a false alarm and a miss.
PROFILES = {"standard": (1.0, 0.11, 1.0), "reward_low_FP_rate": (1.0, 0.22, 1.0),
            "reward_low_FN_rate": (1.0, 0.11, 2.0)}  # fmt: skip
PUBLISHED = ("ARTime", "numenta", "contextOSE", "htmjava", "relativeEntropy", "windowedGaussian")
PARTS = ("thresholds chosen on", "the others", "all")
MARGIN = 5
DAY_S = 86_400
SEEN_WITHIN = 12

Floats = NDArray[np.float64]


def main() -> None:
    found: list[dict[str, Any]] = []
    for run in (_nab, _tcpd, _kpi):
        found += run()
    if not found:
        raise SystemExit(f"none of the three sets lies in {DATA.name} beside the repository")
    text = "".join(f"{json.dumps({'bench': BENCH, **line})}\n" for line in found)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{BENCH}.jsonl").write_text(text)
    print(f"\n{text}", end="")


def parted(names: Iterable[str]) -> Mapping[str, list[str]]:
    """Return the series that settings were chosen on, the others, and all."""
    ordered = sorted(names)
    return dict(zip(PARTS, (ordered[::2], ordered[1::2], ordered), strict=True))


def _nab() -> Iterator[dict[str, Any]]:
    folder = DATA / "nab"
    if not folder.is_dir():
        return
    streams = dict(_streams(folder))
    started = time.process_time()
    told = {
        name: stream_alerts(novelty(
            values, points_a_day=round(DAY_S / float(np.median(np.diff(at)))),
            warm_up=probation(len(values)),
        ))
        for name, (at, values, _) in streams.items()
    }  # fmt: skip
    cpu_s = time.process_time() - started
    published = pq.read_table(folder / "published_detector_scores.parquet").to_pylist()
    _check_published(folder, published, streams)
    windows = {name: len(np.unique(ids[ids > 0])) for name, (_, _, ids) in streams.items()}
    for profile in PROFILES:
        ours = {name: file_score(told[name], ids, profile)
                for name, (_, _, ids) in streams.items()}  # fmt: skip
        others = {
            detector: {row["File"].removesuffix(".csv"): row["Score"] for row in published
                       if (row["Detector"], row["Profile"]) == (detector, profile)}
            for detector in PUBLISHED
        }  # fmt: skip
        for part, names in parted(streams).items():
            count = sum(windows[name] for name in names)
            line = {"case": f"NAB, {profile}", "part": part, "series": len(names), "windows": count,
                    "ours": _normalised(ours, names, count, profile),
                    **{detector: _normalised(scores, names, count, profile)
                       for detector, scores in others.items()}}  # fmt: skip
            if profile == "standard":
                line["cpu_s"] = round(cpu_s, 1) if part == "all" else None
            print(" ".join(f"{key}={value}" for key, value in line.items()))
            yield line


def _streams(folder: Path) -> Iterator[tuple[str, tuple[NDArray[Any], Floats, NDArray[Any]]]]:
    for path in sorted(folder.glob("*.parquet")):
        if path.stem.startswith("published"):
            continue
        table = pq.read_table(path)
        series = table["series"].to_numpy(zero_copy_only=False)
        at = table["timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64)
        values = table["value"].to_numpy().astype(np.float64)
        ids = table["window_id"].to_numpy()
        for name in dict.fromkeys(series.tolist()):
            own = series == name
            yield f"{path.stem}/{name}", (at[own], values[own], ids[own])


def probation(count: int) -> int:
    """Return how many points at the beginning are not scored."""
    return min(int(0.15 * count), 750)


def file_score(told: NDArray[np.bool_], ids: NDArray[Any], profile: str) -> float:
    """Return the raw score of one stream: hits less false alarms and misses.

    Lavin, A. and Ahmad, S. (2015). Evaluating real-time anomaly detection algorithms: the Numenta
    anomaly benchmark. Of a window the earliest point counts, by a sigmoid of its place; a false
    alarm costs less the nearer it is behind a window.
    """
    hit, alarm, miss = PROFILES[profile]
    points = np.flatnonzero(told)
    points = points[points >= probation(len(told))]
    ends = sorted((int(np.flatnonzero(ids == one)[0]), int(np.flatnonzero(ids == one)[-1]))
                  for one in np.unique(ids[ids > 0]))  # fmt: skip
    total = 0.0
    for left, right in ends:
        inside = points[(points >= left) & (points <= right)]
        first = (right - inside[0] + 1) / (right - left + 1) if len(inside) else None
        total += -miss if first is None else hit * _sigmoid(-first) / _sigmoid(-1.0)
    for point in points[ids[points] == 0].tolist():
        before = [(left, right) for left, right in ends if right < point]
        past = (point - before[-1][1]) / (before[-1][1] - before[-1][0]) if before else np.inf
        total += alarm * _sigmoid(past)
    return total


def _sigmoid(place: float) -> float:
    return -1.0 if place > 3 else float(2 / (1 + np.exp(5 * place)) - 1)


def _normalised(
    scores: Mapping[str, float], names: Sequence[str], windows: int, profile: str
) -> float:
    """Return raw scores on the scale where no alarm at all is 0 and perfection 100."""
    nothing = -PROFILES[profile][2] * windows
    total = sum(scores[name] for name in names)
    return round(100 * (total - nothing) / (windows - nothing), 2)


def _check_published(
    folder: Path, published: Sequence[Mapping[str, Any]], streams: Mapping[str, Any]
) -> None:
    """Stop unless the published scores of each file add up to the published scores of the set."""
    windows = sum(len(np.unique(ids[ids > 0])) for _, _, ids in streams.values())
    with (folder / "published_scores_this_split.csv").open() as file:
        for row in csv.DictReader(file):
            if int(row["files"]) < len(streams):
                continue
            for profile in PROFILES:
                scores = {
                    item["File"].removesuffix(".csv"): item["Score"] for item in published
                    if (item["Detector"], item["Profile"]) == (row["detector"], profile)
                }  # fmt: skip
                ours = _normalised(scores, list(streams), windows, profile)
                if abs(ours - float(row[profile])) > 0.011:
                    raise SystemExit(f"{row['detector']}, {profile}: {ours}, not {row[profile]}")


def _tcpd() -> Iterator[dict[str, Any]]:
    folder = DATA / "tcpd"
    if not folder.is_dir():
        return
    marked = json.loads((folder / "annotations.json").read_text())
    with (folder / "published_default_f1.csv").open() as file:
        published = {row.pop("dataset"): row for row in csv.DictReader(file)}
    scores = {}
    for name, values in _series(folder).items():
        scores[name] = cover_f1(marked[name].values(), change_points(values))
        nothing = cover_f1(marked[name].values(), ())
        if abs(nothing - float(published[name]["zero"])) > 1e-4:
            raise SystemExit(f"{name}: {nothing} for no change point, not published")
    for part, names in parted(scores).items():
        # Means are over the series that every method was run on.
        shared = [name for name in names if all(published[name].values())]
        line = {"case": "TCPD, F1", "part": part, "series": len(shared),
                "ours": _mean(scores[name] for name in shared),
                **{method: _mean(float(published[name][method]) for name in shared)
                   for method in ("binseg", "amoc", "pelt", "zero", "bocpd")}}  # fmt: skip
        print(" ".join(f"{key}={value}" for key, value in line.items()))
        yield line


def _series(folder: Path) -> dict[str, Floats]:
    found: dict[str, dict[int, list[tuple[int, float]]]] = {}
    for row in pq.read_table(folder / "series.parquet").to_pylist():
        dims = found.setdefault(row["dataset"], {})
        dims.setdefault(row["dim"], []).append((row["index"], row["value"]))
    return {
        name: np.array([[value for _, value in sorted(rows)] for _, rows in sorted(dims.items())],
                       dtype=np.float64).T
        for name, dims in found.items()
    }  # fmt: skip


def cover_f1(marked: Iterable[Iterable[int]], told: Iterable[int]) -> float:
    """Return the F1 of change points: recall is a mean over people, 0 always counts as one.

    Van den Burg, G. and Williams, C. (2020). An evaluation of change point detection algorithms.
    """
    people = [{0, *points} for points in marked]
    said = {0, *told}
    precision = len(_matched(set().union(*people), said)) / len(said)
    recall = sum(len(_matched(own, said)) / len(own) for own in people) / len(people)
    return 2 * precision * recall / (precision + recall)


def _matched(true: set[int], said: set[int]) -> set[int]:
    left, found = set(said), set()
    for point in sorted(true):
        near = [(abs(point - other), other) for other in left if abs(point - other) <= MARGIN]
        if near:
            left.remove(min(near)[1])
            found.add(point)
    return found


def _kpi() -> Iterator[dict[str, Any]]:
    path = DATA / "kpi_donut" / "cpu4.parquet"
    if not path.is_file():
        return
    table = pq.read_table(path)
    values, labels = table["value"].to_numpy(), table["label"].to_numpy()
    day = round(DAY_S / float(np.median(np.diff(table["timestamp"].to_numpy()))))
    told = np.flatnonzero(stream_alerts(novelty(values, points_a_day=day, warm_up=7 * day)))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels, [0]])))
    segments = [(first, last) for first, last in edges.reshape(-1, 2).tolist() if first >= 7 * day]
    hits = sum(any(first <= at < last + SEEN_WITHIN for at in told) for first, last in segments)
    false = [at for at in told
             if not any(first <= at < last + SEEN_WITHIN for first, last in segments)]  # fmt: skip
    line = {"case": "KPI cpu4, seen within an hour of its end", "part": "all", "series": 1,
            "segments": len(segments), "hits": hits, "alarms": len(told), "false": len(false),
            "days": round((len(values) - 7 * day) / day)}  # fmt: skip
    print(" ".join(f"{key}={value}" for key, value in line.items()))
    yield line


def _mean(values: Iterable[float]) -> float:
    return round(float(np.mean(list(values))), 3)


if __name__ == "__main__":
    main()
