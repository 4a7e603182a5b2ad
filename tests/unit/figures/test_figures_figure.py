"""Figures as values: they travel as JSON, stay offline and need no plotly to be built."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from figure_samples import EMPTY, HOSTILE, SAMPLES

from pellucid.figures import figure as module
from pellucid.figures.tokens import LIGHT

TOKEN = re.compile(r'"@([a-z_0-9]+)(?:/\d+)?"')


@pytest.mark.parametrize("name", SAMPLES)
def test_figure_is_plain_json_with_known_tokens(name):
    figure = SAMPLES[name]()
    text = figure.to_json()
    loaded = json.loads(text)
    assert set(TOKEN.findall(text)) <= LIGHT.keys()
    assert loaded["layout"]["height"] > 0
    assert {trace["type"] for trace in loaded["data"]} <= {"scatter", "bar"}
    assert '"@' not in json.dumps(figure.to_plotly_json("dark"))


@pytest.mark.parametrize("name", SAMPLES)
def test_figure_says_itself_in_numbers(name):
    figure = SAMPLES[name]()
    assert re.search(r"\d", figure.alt)
    assert figure.alt.endswith(".")
    assert figure.table is not None
    assert figure.table.rows


@pytest.mark.parametrize("name", SAMPLES)
def test_no_name_from_data_becomes_markup(name):
    figure = SAMPLES[name]()
    assert HOSTILE not in figure.to_json().replace(json.dumps(figure.alt, ensure_ascii=False), "")


@pytest.mark.parametrize("name", SAMPLES)
def test_figure_never_offers_to_leave_the_page(name):
    config = SAMPLES[name]().to_plotly_json()["config"]
    assert config["showSendToCloud"] is False
    assert config["plotlyServerURL"] == ""
    assert config["displaylogo"] is False


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_to_show_is_said(name):
    figure = EMPTY[name]()
    assert figure.data == ()
    assert figure.alt.startswith("Nothing to show")


@pytest.mark.parametrize("name", SAMPLES)
def test_plotly_accepts_the_figure(name):
    """Plotly's own validation is the oracle for trace and layout attributes."""
    import plotly.graph_objects as go

    drawn = SAMPLES[name]().to_plotly_json()
    go.Figure(data=drawn["data"], layout=drawn["layout"])


def test_notebook_gets_both_forms_and_plotly_once(monkeypatch):
    monkeypatch.setattr(module, "_notebook", set())
    first, second = (SAMPLES["waterfall"]()._repr_mimebundle_() for _ in range(2))
    assert first["application/vnd.plotly.v1+json"]["config"]["showSendToCloud"] is False
    assert "plotly.js v" in first["text/html"]
    assert len(second["text/html"]) < 50_000
    assert HOSTILE not in second["text/html"]


def test_building_a_figure_does_not_import_plotly():
    code = (
        "import sys; sys.path.insert(0, 'tests/unit/figures'); from figure_samples import SAMPLES\n"
        "[make() for make in SAMPLES.values()]; print('plotly' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
