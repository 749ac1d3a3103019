"""The three-way comparison: each item is ours to write, theirs until somebody decides, or in agreement."""

import pytest

from ml_pipeline.tracking.registry import TrackedVersion
from predictions.models import Deployment
from registry_ui.models import ModelVersion
from registry_ui.services.three_way import Comparison, Sight, compare, sight

RUNS = {"1": "run-1", "2": "run-2"}
CHAMPION = "alias:champion"


def judged(ours: str, theirs: str, written: str | None, writing: str | None = None) -> Comparison:
    """Of the alias `champion`; versions 1 and 2 stand there as they always did."""
    return compare(
        seen=Sight(wanted={CHAMPION: ours}, found={CHAMPION: theirs}, runs=RUNS),
        written={} if written is None else {CHAMPION: written},
        writing={} if writing is None else {CHAMPION: writing},
        runs=RUNS,
    )


def test_what_agrees_needs_nothing_and_counts_as_written() -> None:
    for written in (None, "", "1", "2"):
        assert judged("1", "1", written) == Comparison(written={CHAMPION: "1"})


@pytest.mark.parametrize(
    ("found", "written", "writing"),
    [
        pytest.param("1", "1", None, id="what we wrote last"),
        pytest.param("2", "1", "2", id="what a killed process was about to write"),
        pytest.param("", None, None, id="what nobody ever set"),
    ],
)
def test_what_stands_there_by_us_or_by_nobody_is_ours_to_write(
    found: str, written: str | None, writing: str | None
) -> None:
    wanted = "1" if found == "2" else "2"

    result = judged(wanted, found, written, writing)

    assert result == Comparison(push={CHAMPION: wanted}, written={CHAMPION: found})


@pytest.mark.parametrize(("theirs", "written"), [("2", "1"), ("", "1"), ("unknown version 7", "1"), ("2", None)])
def test_what_somebody_else_set_is_left_alone_and_stays_foreign_when_looked_at_again(
    theirs: str, written: str | None
) -> None:
    first = judged("1", theirs, written)

    assert first == Comparison(foreign={CHAMPION: theirs}, written={CHAMPION: "1"})
    assert judged("1", theirs, first.written[CHAMPION]) == first


def test_a_later_decision_of_ours_goes_before_what_somebody_else_set() -> None:
    result = judged("2", "", "1")

    assert (result.overtaken, result.push) == ({CHAMPION: ""}, {CHAMPION: "2"})
    again = judged("2", "", result.written[CHAMPION])  # killed before it could write
    assert (again.overtaken, again.push) == ({}, {CHAMPION: "2"})


def test_what_was_written_about_another_run_of_that_number_says_nothing() -> None:
    seen = Sight(wanted={CHAMPION: "1"}, found={CHAMPION: ""}, runs={"1": "run-9"})

    result = compare(seen=seen, written={CHAMPION: "1"}, writing={}, runs=RUNS)

    assert (result.push, result.foreign) == ({CHAMPION: "1"}, {})


def version(number: int, **more: object) -> ModelVersion:
    return ModelVersion(model="fruit", number=number, tracking_version=number, run_id=f"run-{number}", **more)


def test_an_emptied_or_exchanged_server_shows_no_foreign_change_and_names_what_is_missing() -> None:
    versions = [version(1, stage="Production", status="approved"), version(2, stage="Staging")]
    deployment = Deployment(model="fruit", champion_version=1)
    exchanged = [TrackedVersion(1, "another-run", "Production", ("champion", "canary"))]

    for standing in ([], exchanged):
        seen = sight(versions=versions, deployment=deployment, standing=standing)
        assert (seen.missing, compare(seen=seen, written={CHAMPION: "1"}, writing={}, runs=RUNS)) == (
            [1, 2],
            Comparison(),
        )


def test_an_alias_of_a_version_that_was_deleted_there_is_wanted_nowhere() -> None:
    versions = [version(1, stage="Archived", status="approved"), version(2, stage="Production", status="approved")]

    seen = sight(
        versions=versions,
        deployment=Deployment(model="fruit", champion_version=2),
        standing=[TrackedVersion(1, "run-1", "Archived")],
    )

    assert (seen.missing, seen.wanted[CHAMPION]) == ([2], "")
    assert compare(seen=seen, written={CHAMPION: "2"}, writing={}, runs=RUNS).foreign == {}
