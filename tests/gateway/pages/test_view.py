"""A view of a table, from its URL and back."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.gateway.pages import changes, grid
from hub.gateway.pages.view import TABS, VIEWS, View, read
from tests.core.sdmx.releases import catalogue
from tests.gateway.house import House


def seen(full: House, table: str, *pairs: tuple[str, str]) -> View:
    """The view of a URL."""
    return read(full.gateway, catalogue().tables[table], pairs, "en")


def test_without_a_choice_one_breakdown_is_open(full: House) -> None:
    """All codes of the first one, the total of the others, the newest periods."""
    view = seen(full, "PRM_NEW")

    assert [one.id for one in view.varying] == ["REASON"]
    assert view.codes["CITIZENSHIP_G"] == ("_T",)
    assert view.codes["REF_AREA"] == ("TM",)
    assert view.end == "2025-Q4"
    assert [one.id for one in seen(full, "STK_VEL").varying] == ["REF_AREA"]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_url_of_a_view_is_the_same_view(full: House, data: st.DataObject) -> None:
    """Whatever was chosen; so a link that was sent shows what its sender saw."""
    plain = seen(full, "PRM_NEW")
    pairs = [
        (one.id, code)
        for one, known in plain.offered
        for code in data.draw(st.lists(st.sampled_from(known), unique=True))
    ]
    start, end = sorted(
        data.draw(st.lists(st.sampled_from(plain.state.ever), min_size=2, max_size=2))
    )
    pairs += [("from", start), ("to", end)]
    pairs.append(("tab", data.draw(st.sampled_from(TABS))))
    pairs.append(("view", data.draw(st.sampled_from(VIEWS))))
    view = seen(full, "PRM_NEW", *pairs)
    again = seen(full, "PRM_NEW", *parse_qsl(urlsplit(view.url()).query))

    assert again == view


def test_rows_are_of_the_view_and_in_order(full: House) -> None:
    """Places in the order of their codelists, the newest period first."""
    view = seen(full, "PRM_NEW")
    found = grid.rows(full.gateway, view, None)
    reasons = list(view.dimensions[1].codes)
    order = [(reasons.index(row.place[1]), row.period) for row in found]

    assert order == sorted(order, key=lambda at: (at[0], -int(at[1][-1])))
    assert all(set(row.cells) == {"F", "M", "_OUN", "_T"} for row in found)


def test_two_moments_differ_where_figures_do(full: House) -> None:
    """A view is not different from itself; between vintages all that changed is."""
    view = seen(full, "PRM_NEW")
    (_, first, _), (_, last, said) = changes.moments(view.state)
    before, after = (grid.rows(full.gateway, view, at) for at in (first, last))

    assert said == "R 2025"
    assert changes.differing(after, after) == []
    found = changes.differing(before, after)
    assert found
    assert all(one.before != one.after for one in found)
    assert grid.rows(full.gateway, view, first - 1) == []
    assert len(changes.differing([], after)) == sum(len(row.cells) for row in after)
