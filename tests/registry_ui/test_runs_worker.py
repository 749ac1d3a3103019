"""The worker of runs: two models train in it at once, and its shutdown queues both again without waiting for them."""

import signal
from collections.abc import Iterator

import pytest

from tests.drills.servers import Redis, folder_for_servers
from tests.drills.training_stand import TrainingStand
from tests.processes import wait_until

_WORKS_SECONDS, _ENDS_SECONDS = 240, 60  # on a machine that others use too


@pytest.fixture
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingStand]:
    with folder_for_servers() as folder:
        redis = Redis(folder)
        redis.start()
        stand = TrainingStand(tmp_path_factory.mktemp("two"), ["one", "other"], REDIS_URL=redis.url).prepare()
        try:
            yield stand
        finally:
            stand.stop_all()
            redis.stop()


@pytest.mark.timeout(900)
def test_two_models_train_at_once_and_a_shutdown_ends_their_processes_and_queues_both(stand: TrainingStand) -> None:
    for model in stand.models:
        stand.request(model)
    stand.start("runs", runs=2)
    stand.start("dispatcher")

    def both_work() -> bool:
        return len(stand.processes("-m dvc repro")) >= len(stand.models)

    assert wait_until(both_work, _WORKS_SECONDS, 0.2), stand.log("runs")[-2000:]
    assert {run["state"] for run in stand.runs()} == {"running"}
    stand.stop("dispatcher")
    stand.stop("runs", signal.SIGTERM, _ENDS_SECONDS)
    assert wait_until(lambda: not stand.of_runs(), 5)
    assert [(run["state"], run["attempt"]) for run in stand.runs()] == [("queued", 1)] * 2
