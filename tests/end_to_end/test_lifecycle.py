"""Retrain by a real worker, approve in a real browser, roll back: the answers follow. On each broker."""

import os
import re
import signal

import pytest

from tests.processes import command_line, wait_until

MODEL = "wine"


def _change_recipe(product, strength: str) -> None:
    """Another regularisation for the wine model: its next run gives another version."""
    params = product.project / "params.yaml"
    text = params.read_text()
    block = text.index(f"\n  {MODEL}:")
    params.write_text(text[:block] + re.sub(r"\{C: [0-9.]+\}", f"{{C: {strength}}}", text[block:]))


def _sample(product) -> dict[str, float]:
    _, known = product.call(f"models/{MODEL}")
    return dict.fromkeys(known["inputs"], 1.5)


def _answer(product) -> tuple[int, float]:
    answer = product.predict(MODEL, _sample(product))
    return answer["version"], answer["predictions"][0]["probability"]


def _settled_answer(product, version: int) -> tuple[int, float] | None:
    """The answer once every web process gives that version: two processes switch within two seconds, not at once."""
    answers = {_answer(product) for _ in range(12)}
    return answers.pop() if len(answers) == 1 and next(iter(answers))[0] == version else None


def _belongs_to_a_run(pid: int) -> bool:
    return any(words in command_line(pid) for words in ("ml_pipeline.stages", "ml_pipeline.tracking", "-m dvc"))


def _decide(product, page, version: int, button: str, reason_label: str) -> None:
    page.goto(f"{product.url}/admin/registry_ui/modelversion/?model={MODEL}")
    if page.get_by_label("Username").count():
        page.get_by_label("Username").fill("approver")
        page.get_by_label("Password").fill(product.password("approver"))
        page.locator("button[type=submit]").click()
        page.goto(f"{product.url}/admin/registry_ui/modelversion/?model={MODEL}")
    page.get_by_role("link", name=re.compile(rf"^{MODEL}\s+version\s+{version}$")).first.click()
    page.get_by_label(reason_label).fill("Looked at the held-out metrics.")
    form = page.locator("form", has=page.get_by_label(reason_label))
    form.get_by_role("checkbox").check()
    form.get_by_role("button", name=button).click()


@pytest.fixture(params=["filesystem", "redis"])
def running(request, product):
    """The product on a broker: the one it has without configuration, or a real Redis."""
    if request.param == "filesystem":
        yield product
        return
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        pytest.skip("TEST_REDIS_URL names no server")
    product.stop()
    product.start(REDIS_URL=url)
    yield product
    product.stop()
    product.start()


def test_answers_follow_a_retrain_an_approval_and_a_roll_back(running, page, request):
    before = _answer(running)
    _change_recipe(running, {"filesystem": "0.01", "redis": "0.002"}[request.node.callspec.params["running"]])
    run = running.retrain(MODEL)
    assert run["state"] == "succeeded", run
    candidate = run["version"]
    assert candidate > before[0]
    assert _answer(running) == before, "a candidate must not serve before it is approved"

    _decide(running, page, candidate, "Approve", "Why approve")
    after = wait_until(lambda: _settled_answer(running, candidate), 5)
    assert after
    assert after[1] != before[1]

    _decide(running, page, before[0], "Roll back", "Why roll back to this version")
    assert wait_until(lambda: _settled_answer(running, before[0]), 5) == before


def test_a_worker_killed_in_a_run_leaves_nothing_behind_and_the_run_ends_after_a_restart(product):
    _change_recipe(product, "0.5")
    status, run = product.call(f"models/{MODEL}/runs", {}, method="POST")
    assert status == 202
    stage = wait_until(lambda: [pid for pid in product.processes() if "ml_pipeline.stages" in command_line(pid)], 120)
    assert stage
    workers = [pid for pid in product.processes() if "-Q runs" in command_line(pid)]
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not any(map(_belongs_to_a_run, product.processes())), 5)
    assert wait_until(lambda: not product.processes(), 30), "the launcher stops all when one process ends"
    product.start(RUN_LEASE_SECONDS="5")
    ended = wait_until(lambda: product.ended_run(MODEL, run["id"]), 240, 0.5)
    assert ended
    assert ended["state"] == "succeeded"
    assert ended["attempt"] == 2


def test_interrupting_stops_every_process_and_a_second_start_keeps_versions_and_tokens(product):
    before, token = _answer(product), product.access["token"]
    assert product.stop() == 0
    assert wait_until(lambda: not product.processes(), 5)
    product.start()
    assert product.access["token"] == token
    assert _answer(product) == before
    assert "Training" not in product.printed
