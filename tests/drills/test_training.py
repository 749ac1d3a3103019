"""Five kills of training runs at fixed points, one of each kind. `make drill` does it at random points, many times."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.servers import PostgreSQL, Redis, folder_for_servers
from tests.drills.training import Hit, kill_training
from tests.drills.training_stand import TrainingStand

# Two hits a run at most: three attempts are all there are.
_PLANS = [
    [Hit("worker", "ingestion"), Hit("child", "preprocessing")],
    [Hit("guard", "model_building"), Hit("dvc", "evaluation")],
    [Hit("stage", "model_building")],
]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[TrainingStand]:
    with folder_for_servers() as folder:
        (folder / "postgresql").mkdir()
        postgresql, redis = PostgreSQL(folder / "postgresql"), Redis(folder)
        servers = {"DATABASE_URL": postgresql.url, "REDIS_URL": redis.url}
        for server in (postgresql, redis):
            server.start()
        stand = TrainingStand(tmp_path, ["tiny"], RUN_LEASE_SECONDS="3", **servers).prepare()
        try:
            stand.start("runs", "default", "beat", "dispatcher")
            yield stand
        finally:
            stand.stop_all()
            for server in (postgresql, redis):
                server.stop()


@pytest.mark.timeout(1_500)
def test_runs_whose_processes_are_killed_end_once_and_leave_nothing_behind(stand: TrainingStand) -> None:
    report = kill_training([stand], _PLANS)
    assert not report.violations, report.markdown()
    assert [hits for title, hits in report.rows if title == "processes hit"] == [
        "worker 1, child 1, guard 1, dvc 1, stage 1"
    ]
