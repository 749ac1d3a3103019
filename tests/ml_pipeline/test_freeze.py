"""When a declared freeze holds, and which declarations make no sense."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_pipeline.spec import Freeze, Promotion

WEEKEND = Freeze.model_validate({"from": "fri 16:00", "to": "mon 08:00"})
MONDAY = datetime(2026, 3, 9, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-03-06T15:59:59", None),
        ("2026-03-06T16:00", MONDAY),
        ("2026-03-08T23:00", MONDAY),
        ("2026-03-09T07:59:59", MONDAY),
        ("2026-03-09T08:00", None),
    ],
)
def test_a_weekly_freeze_spans_the_end_of_the_week(moment: str, until: datetime | None) -> None:
    assert WEEKEND.until(datetime.fromisoformat(moment).replace(tzinfo=UTC)) == until


def test_a_freeze_counts_in_utc() -> None:
    there = datetime(2026, 3, 6, 12, 0, tzinfo=timezone(timedelta(hours=-5)))  # 17:00 in UTC

    assert WEEKEND.until(there) == MONDAY


def test_a_dated_freeze_holds_once() -> None:
    freeze = Freeze.model_validate({"from": "2026-12-24", "to": "2026-12-27T08:00+01:00"})
    end = datetime(2026, 12, 27, 7, tzinfo=UTC)

    assert freeze.until(datetime(2026, 12, 24, tzinfo=UTC)) == end
    assert freeze.until(end) is None
    assert freeze.until(datetime(2025, 12, 25, tzinfo=UTC)) is None


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001
def test_a_weekly_freeze_and_its_complement_share_every_moment(moment: datetime) -> None:
    other = Freeze.model_validate({"from": "mon 08:00", "to": "fri 16:00"})
    ends = [WEEKEND.until(moment), other.until(moment)]

    assert sum(end is not None for end in ends) == 1
    assert all(moment < end <= moment + timedelta(days=5) for end in ends if end)


def test_a_policy_with_a_freeze_survives_its_recommendation() -> None:
    policy = Promotion.model_validate({"freeze": [{"from": "fri 16:00", "to": "mon 08:00"}], "four_eyes": False})

    assert Promotion.model_validate(policy.model_dump(mode="json")) == policy


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("fri 16:00", "2026-01-01"),
        ("fri", "mon"),
        ("fri 24:00", "sat 01:00"),
        ("2026-02-01", "2026-01-01"),
        ("fri 16:00",) * 2,
    ],
)
def test_a_freeze_that_makes_no_sense_is_refused(start: str, end: str) -> None:
    with pytest.raises(ValueError, match=r"16:00|not before"):
        Freeze.model_validate({"from": start, "to": end})
