"""The report is one file: complete, escaped, and silent on the network."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from report_content import make_content

from pellucid.report.content import Card, ReportContent, Section
from pellucid.report.page import render_report

HOSTILE = "\"><img src=x onerror=hit()></script><script>hit()</script><!--<script>'{{7*7}}"


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(make_content())


def without_plotly(page: str) -> str:
    return re.sub(r"<script>/\*\*\n\* plotly\.js.*?</script>", "", page, flags=re.DOTALL)


def test_report_is_one_file_of_bearable_size(page):
    assert len(page.encode()) < 8_000_000
    assert page.count("* plotly.js v") == 1


def test_report_refers_to_nothing_outside(page):
    rest = without_plotly(page)
    assert not re.search(r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//""", rest)
    assert "url(" not in rest
    assert "default-src &#39;none&#39;" in rest


def test_every_script_that_runs_is_allowed_by_its_hash(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 4
    for text in scripts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"sha256-{digest}" in policy.replace("&#39;", "'").replace("&#43;", "+")


def test_every_card_has_its_numbers(page):
    wanted = set(re.findall(r'data-csv="([^"]+)"', page))
    held = dict(
        re.findall(r'<script type="application/json" id="([^"]+-csv)">(.*?)</script>', page)
    )
    assert wanted == held.keys()
    assert len(wanted) >= 14
    for text in held.values():
        records = json.loads(text)
        assert all(len(row) == len(records["columns"]) for row in records["rows"])


def test_page_has_landmarks_and_one_heading(page):
    rest = without_plotly(page)
    assert rest.count("<h1>") == 1
    for part in ('<main id="main"', "<nav aria-label", 'class="skip"', "<footer>", 'lang="en"'):
        assert part in rest
    ids = re.findall(r'\bid="([^"]+)"', rest)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'aria-labelledby="([^"]+)"|href="#([^"]+)"', rest):
        assert (target[0] or target[1]) in ids
    assert rest.count('role="img"') == rest.count('class="chart"')


def test_definitions_and_intervals_stand_with_the_key_figures(page):
    for text in ("Payments approved on any attempt", "95% interval 84.5–85.1%", "3f9a61c2"):
        assert text in page


def test_text_from_data_is_escaped():
    rest = without_plotly(render_report(make_content(hostile=HOSTILE)))
    assert "<img" not in rest
    assert rest.count("<script>") == 3
    assert "<!--" not in rest
    assert "{{7*7}}" in rest


def test_nearly_nothing_still_makes_a_page():
    empty = Section(title="x", cards=(Card(title="c"),))
    content = ReportContent(title="t", system="s", sections=(empty,))
    assert "<h1>t</h1>" in render_report(content)
