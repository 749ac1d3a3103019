"""What callers asked of a model, summed by half hour over all processes, at no cost to a request."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from ml_pipeline.errors import CodesoftError
from predictions import services
from predictions.errors import ModelFailed
from predictions.models import TrafficSlot
from predictions.serving.process import ServingProcess
from predictions.traffic import BUCKETS, KEPT, Traffic, forget_old_traffic, slot_of

pytestmark = pytest.mark.django_db


def ask(model: str, rows: int = 1) -> None:
    services.predict(model=model, rows=[{"text": "fine"}] * rows)


def refuse(model: str) -> None:
    with pytest.raises(CodesoftError):
        services.predict(model=model, rows=[{}])


def slot(model: str) -> TrafficSlot:
    return TrafficSlot.objects.get(model=model)


def test_requests_rows_refusals_and_times_are_added_up(live: ServingProcess) -> None:
    first, second = Traffic(), Traffic()
    ask("sentiment")
    ask("sentiment", rows=5)
    refuse("sentiment")
    refuse("nowhere")
    first.write()
    first.write()
    second.write()  # as another process that counted the same would

    row = slot("sentiment")
    assert (row.requests, row.rows, row.refused) == (4, 12, {"invalid_inputs": 2})
    assert (len(row.latencies), sum(row.latencies)) == (len(BUCKETS), 4)
    assert row.start == slot_of(timezone.now())
    assert TrafficSlot.objects.count() == 1, "what was asked of no model is nobody's"


def test_a_version_that_raises_left_its_caller_without_an_answer(
    live: ServingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = Traffic()

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(live.live_models.current.models["sentiment"].champion.bundle, "predict", broken)
    with pytest.raises(ModelFailed):
        ask("sentiment")
    traffic.write()
    assert (slot("sentiment").requests, slot("sentiment").refused) == (0, {"model_failed": 1})


def test_what_a_database_that_is_away_did_not_take_is_written_later(
    live: ServingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = Traffic()
    ask("sentiment")
    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", _away)
        with pytest.raises(OperationalError):
            traffic.write()
    ask("sentiment")
    traffic.write()
    assert slot("sentiment").requests == 2


def _away(*_: Any) -> None:
    raise OperationalError("the server closed the connection")


def test_a_slot_begins_on_the_half_hour() -> None:
    half_past = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)
    assert slot_of(half_past) == slot_of(half_past + timedelta(minutes=29, seconds=59)) == half_past
    assert slot_of(half_past + timedelta(minutes=30)) == half_past + timedelta(minutes=30)


def test_old_traffic_is_forgotten() -> None:
    now = timezone.now()
    for start in (now - KEPT - timedelta(minutes=1), now):
        TrafficSlot.objects.create(model="sentiment", start=start)
    forget_old_traffic()
    assert TrafficSlot.objects.get().start == now
