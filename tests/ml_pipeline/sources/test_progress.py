from ml_pipeline.sources.progress import with_progress


def test_items_pass_unchanged_and_are_counted_for_a_person() -> None:
    report: list[str] = []
    assert list(with_progress(range(3), report.append, every=0.0)) == [0, 1, 2]
    assert [line.split()[0] for line in report] == ["1", "2", "3"]


def test_a_short_read_reports_nothing() -> None:
    report: list[str] = []
    assert len(list(with_progress(range(1_000), report.append))) == 1_000
    assert report == []
