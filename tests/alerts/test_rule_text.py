"""Rules laid over a file one by one: what people wrote beside the others stays."""

from __future__ import annotations

from importlib.resources import files

import pytest

from alerts.rule_file import default_rules, read_rules
from alerts.rule_text import with_rules, without_rules

DEFAULTS = (files("alerts") / "default_rules.yaml").read_text("utf-8")
MINE = """# my own
version: 1
rules:
- id: my-bin
  kind: threshold
  title: My bin   # a remark
  params: {metric: fill_pct, limit: 50, clear: 40}
  scope:
    kinds:
    - bin
"""
FLOW = '{"version": 1, "rules": [{"id": "my-bin", "kind": "threshold", "params": {"metric": "fill_pct", "limit": 50}}]}'


def test_a_rule_comes_to_the_defaults_and_their_comments_stay() -> None:
    joined = with_rules(DEFAULTS, MINE)
    assert (joined.added, joined.replaced) == (("my-bin",), ())
    assert joined.text.startswith(DEFAULTS.rstrip("\n"))
    assert "  - id: my-bin\n    kind: threshold\n    title: My bin   # a remark\n" in joined.text
    assert read_rules(joined.text) == (*default_rules(), *read_rules(MINE))


def test_the_same_id_takes_the_place_of_what_stood_there() -> None:
    once = with_rules(DEFAULTS, MINE).text
    again = with_rules(once, MINE.replace("limit: 50", "limit: 60"))
    assert (again.added, again.replaced) == ((), ("my-bin",))
    assert again.text == once.replace("limit: 50", "limit: 60")
    changed = with_rules(DEFAULTS, MINE.replace("my-bin", "bin-full"))
    assert changed.replaced == ("bin-full",)
    assert [one.id for one in read_rules(changed.text)].count("bin-full") == 1
    assert changed.text.count("# ----") == DEFAULTS.count("# ----") > 1


def test_a_rule_goes_and_nothing_else() -> None:
    assert without_rules(with_rules(DEFAULTS, MINE).text, ["my-bin"]).rstrip("\n") == DEFAULTS.rstrip("\n")
    for rule in default_rules():
        text = without_rules(DEFAULTS, [rule.id])
        assert read_rules(text) == tuple(one for one in default_rules() if one.id != rule.id)
        assert text.count("# ----") == DEFAULTS.count("# ----")


ODD = "rules:\n   -\n    id: x\n    kind: event\n    params: {events: [sos]}\nversion: 1"


@pytest.mark.parametrize("base", [DEFAULTS, MINE, FLOW, "version: 1\nrules: []\n", MINE + "# the end"])
@pytest.mark.parametrize("more", [MINE, FLOW, MINE.replace("my-bin", "other"), ODD])
def test_whatever_the_layout_the_rules_are_the_sum(base: str, more: str) -> None:
    new = read_rules(more)
    ids = {one.id for one in new}
    expected = (*(one for one in read_rules(base) if one.id not in ids), *new)
    assert read_rules(with_rules(base, more).text) == expected
    assert read_rules(without_rules(with_rules(base, more).text, ids)) == expected[: -len(new)]
