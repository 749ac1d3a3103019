import pytest

from registry_ui.admin.figures import count_shown, percent_shown, seconds_shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0 ms"), (0.00048, "0.48 ms"), (0.0042, "4.2 ms"), (0.0996, "100 ms"), (0.45, "450 ms"),
        (0.9994, "999 ms"), (0.9999, "1 s"), (1.26, "1.3 s"), (99.7, "100 s"), (3_600, "3600 s"),
    ],
)  # fmt: skip
def test_a_time_is_short_and_has_no_exponent(seconds: float, shown: str) -> None:
    assert seconds_shown(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"), (9_999, "9 999"), (10_000, "10 k"), (123_456, "123 k"), (999_499, "999 k"), (999_999, "1 m"),
        (1_234_567, "1.23 m"), (4_000_000_000, "4000 m"),
    ],
)  # fmt: skip
def test_a_count_is_short_and_has_no_exponent(number: int, shown: str) -> None:
    assert count_shown(number) == shown


def test_a_share_has_three_digits() -> None:
    assert [percent_shown(share) for share in (0.0, 0.00123, 0.708333, 1.0)] == ["0 %", "0.123 %", "70.8 %", "100 %"]
