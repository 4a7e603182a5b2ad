"""Writes docs/benchmarks.md from the results that `make bench` left."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
TITLES = {
    "bulk_log": "Bulk logging against `pyarrow.parquet.write_table` of the same rows",
    "live_log": "A live decision: the caller, then all threads",
    "adapters": "What the adapters add to a service's own calls",
    "wrong_masks": "Ids that redaction takes for card numbers",
    "replay": "Replaying the policy: splits of shares, and other policies",
    "group_means": "Mean attributions of groups",
    "attributions": "Exact attributions of 300 trees of depth 6 over 30 features",
    "anomalies": "Judging the hours of many series by their past",
    "drift": "Drift of 50 columns",
    "rollups": "A year from hourly roll-ups, and from the rows",
    "pages": "Overview of ten million decisions in a browser: seconds that who asks waits",
    "query": "Ten metrics by three dimensions over ten million decisions",
    "memory": "Peak memory of logging a file of 5 GB",
    "import": "What a service pays to import the logger",
    "install": "What the core installs",
}


def main() -> None:
    parts = [
        "# Benchmarks", "",
        "Medians of CPU seconds (user and system) over rounds in which both sides take turns, on "
        "two shared cores; each figure comes from `make bench` (`benchmarks/README.md` says how), "
        "and this page from `make docs`. A goal that is missed says so.",
    ]  # fmt: skip
    for name, title in TITLES.items():
        path = ROOT / "benchmarks" / "results" / f"{name}.jsonl"
        if not path.is_file():
            continue
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        parts += ["", f"## {title}", "", "| case | unit | pellucid | other | ratio | goal | met |",
                  "|---|---|---|---|---|---|---|"]  # fmt: skip
        parts += [_line(row) for row in rows]
    parts += _truth()
    parts += _incidents()
    parts += _streams()
    (ROOT / "docs" / "benchmarks.md").write_text("\n".join(parts) + "\n")


def _truth() -> list[str]:
    """Return what is said of worlds whose truth is known, from `make truth`."""
    path = ROOT / "benchmarks" / "results" / "truth_learned.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    heads = ("planted", "should say", "worlds", "says it", "says another", "unclear", "silent",
             "the route lost traffic in", "and it was said in")  # fmt: skip
    names = ("case", "expected", "worlds", "hit", "wrong", "unclear", "silent", "lost",
             "lost_and_hit")  # fmt: skip
    parts = [
        "", "# Truth", "",
        "What `obs.learned` says of simulated payments in which it is known what the model was "
        "taught, from `make truth`. Silence where nothing is planted is right. A planted outage "
        "need not cost its route traffic: the model may make nothing of it, or hold it against "
        "another route; the last columns count worlds in which the route itself lost.", "",
        f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}",
    ]  # fmt: skip
    parts += [f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows]
    return [*parts, *_causes(), *_anomalies()]


def _causes() -> list[str]:
    """Return which root causes are found, of incidents for which they are known."""
    path = ROOT / "benchmarks" / "results" / "truth_rca.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    heads = ("data", "part", "cases", "precision", "recall", "F1", "best published F1",
             "alarms", "CPU s a case")  # fmt: skip
    parts = [
        "", "## Root causes", "",
        "What the search behind `obs.localize` finds of incidents whose root cause is known: exact "
        "matches of all conditions, pooled over cases, from `benchmarks/truth_rca.py`. One search "
        "with one set of settings for all. How unevenly a slice may move, how much smaller than "
        "the first a slice may be, and how far everything together must be ahead were chosen on "
        "every second case of Squeeze B0, RobustSpot and the AIOps cube, and on other seeds of our "
        "payments; an early form of the search had been run on all cases of the first two. "
        "Published figures are of the algorithms that come with each data set, at their "
        "defaults, on the same cases. Alarms are windows in which nothing was planted and "
        "something was found, with the threshold of simulated quiet periods.", "",
        f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}",
    ]  # fmt: skip
    for row in rows:
        best = f"{row['published_f1']:.3f} ({row['published']})" if "published" in row else ""
        cells = [row["data"], row["part"], row["cases"],
                 *(row.get(name, "") for name in ("precision", "recall", "f1")), best,
                 row.get("alarms", ""), row["cpu_s_a_case"]]  # fmt: skip
        parts.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return parts


def _anomalies() -> list[str]:
    """Return how anomalies and change points compare with what people have marked."""
    path = ROOT / "benchmarks" / "results" / "truth_anomalies.jsonl"
    if not path.is_file():
        return []
    parts = [
        "", "## Anomalies", "",
        "Public series with labels, from `benchmarks/truth_anomalies.py`: streams of the Numenta "
        "benchmark (`stream_alerts`; its own scores), the Turing change points (`change_points`; "
        "F1, margin 5), and a KPI of 5 minutes, on which nothing was chosen. Thresholds were "
        "chosen on every second series of the first two, in the order of their names, and hold "
        "for all. "
        "The others are no untouched test: about twenty forms of the stream detector and five "
        "criteria of a change were compared with results on all series in view, so that all rows "
        "but the KPI's flatter. On the others the stream detector is behind the best published "
        "ones, whose thresholds were in turn chosen on all streams. Published figures are those "
        "that come with the data.", "",
        "| data | part | series | pellucid | published |", "|---|---|---|---|---|",
    ]  # fmt: skip
    plain = ("bench", "case", "part", "series", "windows", "ours", "cpu_s", "segments", "hits",
             "alarms", "false", "days")  # fmt: skip
    for line in path.read_text().splitlines():
        row = json.loads(line)
        others = ", ".join(f"{name} {row[name]}" for name in row if name not in plain)
        ours = row.get("ours") or (
            f"{row['hits']} of {row['segments']} segments, {row['false']} false alarms in "
            f"{row['days']} days"
        )
        cells = (row["case"], row["part"], row["series"], ours, others)
        parts.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return parts


def _estimates() -> list[str]:
    """Return how near performance is estimated before labels."""
    path = ROOT / "benchmarks" / "results" / "truth_performance.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    parts = [
        "", "## Performance before labels", "",
        "Mean absolute error of estimates made without labels, against what the labels then say, "
        "over ten chunks of each of NannyML's bundled sets, from "
        "`benchmarks/truth_performance.py`: ours, ours with the reference weighted to look like "
        "the rows (plain where less than a tenth of it would be effective), and NannyML 0.13.1's "
        "own on the same rows. Nothing was tuned on the first two sets; the size of the leaves of "
        "the model that expects losses was chosen on the third.", "",
        "| data | measure | ours | weighted | NannyML |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        cells = [row["case"], row["measure"], *(
            "" if row[name] is None else f"{row[name]:.4f}"
            for name in ("ours", "weighted", "other")
        )]  # fmt: skip
        parts.append(f"| {' | '.join(cells)} |")
    return parts


def _incidents() -> list[str]:
    """Return what a monitor says of worlds in which one known thing goes wrong."""
    path = ROOT / "benchmarks" / "results" / "truth_incidents.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [row for row in rows if row["part"] == "kind"]
    series = max(row["series"] for row in rows if row["part"] == "world")
    parts = [
        "", "## Incidents", "",
        "Payment worlds in which one known thing goes wrong, looked at hour by hour as a monitor "
        f"would, by ten checks over {series} series, from `benchmarks/truth_incidents.py`. *In "
        "time*: within one grain, an hour or for columns a day, of when someone could tell it who "
        "knew the place, the size and the begin, at a level of one false alarm a week over as many "
        "series, and no sooner than outcomes are mature. *Exact*: the slice, or column, was the "
        "one that was planted, as people were first told and at the end of the week. *Extra*: "
        "other incidents of the same weeks. Settings were chosen on other seeds, which are below "
        "4000.", "",
        "| planted | worlds | found | in time | exact at first | exact at the end | grains late, "
        "median | most | extra |", "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    names = ("worlds", "found", "in_time", "exact", "exact_at_end", "delay_median", "delay_most",
             "extra")  # fmt: skip
    parts += [f"| {row['kind']} | {' | '.join(str(row[name]) for name in names)} |"
              for row in kinds if row["kind"] != "quiet"]  # fmt: skip
    for row in kinds:
        if row["kind"] == "quiet":
            parts += ["", f"Where nothing is planted: {row['false_a_week']} incidents a week, by "
                      f"chance, over {row['worlds']} worlds of a week."]  # fmt: skip
    return parts


def _streams() -> list[str]:
    """Return what a monitor says of real streams, and what is known of them."""
    path = ROOT / "benchmarks" / "results" / "truth_streams.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    names = ("weeks", "series", "known", "found", "incidents", "wrong", "wrong_a_week", "cpu_s")
    parts = [
        "", "## Real streams", "",
        "Streams of others, logged and looked at hour by hour from four weeks (`psp_routing` two) "
        "after their begin, by the checks that `pellucid monitor propose` proposes less those of "
        "what a stream does not log, from `benchmarks/truth_streams.py`. A known event is *found* "
        "when an alert of what it would show in was raised while it lasted; *wrong* are incidents "
        "of which nobody knows why, chance or not. Nothing was tuned on them but where this page "
        "says so.", "",
        "| stream | weeks | series | known | found | incidents | wrong | wrong a week | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    parts += [f"| `{row['stream']}` | {' | '.join(str(row[name]) for name in names)} |"
              for row in rows]  # fmt: skip
    for row in rows:
        told = [f"{item['name']}: after {item['hours']} h" if item["found"]
                else f"{item['name']}: **missed**" for item in row["events"]]  # fmt: skip
        wrong = [f"{item['opened_at']} {item['title']}" for item in row["told"]
                 if item["verdict"] == "wrong"]  # fmt: skip
        parts += ["", f"`{row['stream']}`. Known: {'; '.join(told) or 'nothing'}. "
                  f"Wrong or unexplained: {'; '.join(wrong) or 'none'}."]  # fmt: skip
    return parts


def _line(row: dict[str, object]) -> str:
    met = {True: "yes", False: "**no**", None: ""}[row["met"]]
    cells = [row["case"], row["unit"], row["ours"], row["other"], row["ratio"], row["goal"], met]
    return "| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
