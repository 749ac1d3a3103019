"""The run as Markdown: goals first, then what each server did."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.serving.goals import GOALS, Goal
from benchmarks.serving.peers import FLOOR, OURS, PEERS
from benchmarks.serving.results import Measure, Results, Spread, cpu, in_window, requests, texts_per_second
from benchmarks.serving.texts import BATCH

BEGIN, END = "<!-- measured: written by `make bench` -->", "<!-- end -->"


def markdown(results: Results) -> str:
    """The tables, between the two marks that frame them in the document."""
    parts = [
        "\n".join(f"- {name}: {value}" for name, value in results.about.items()),
        "### Goals\n" + _table(("goal", "limit", "measured", "met"), (_goal(goal, results) for goal in GOALS)),
        "### One text a request\n" + _single(results),
        f"### {BATCH} texts a request, 8 connections\n" + _lists(results),
        "### Start and memory\n" + _start(results),
    ]
    if results.rate_rounds:
        parts.append("### At a fixed rate\n" + _rate(results))
    if notes := [f"- {peer.title}: {peer.note}." for peer in PEERS if peer.note and peer.name in results.peers()]:
        parts.append("\n".join(notes))
    return f"{BEGIN}\n" + "\n\n".join(parts) + f"\n{END}"


def write_into(document: Path, results: Results) -> None:
    """Replace what stands between the marks; a document without them gets them at its end."""
    text = document.read_text(encoding="utf-8") if document.exists() else "# Benchmarks\n\n"
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(before + markdown(results) + (after or "\n"), encoding="utf-8")


def _goal(goal: Goal, results: Results) -> tuple[str, ...]:
    spread = goal.measured(results)
    if spread is None:
        return goal.title, goal.limit, "not measured", "—"
    return goal.title, goal.limit, spread.text(), "yes" if goal.met(spread) else "**no**"


def _single(results: Results) -> str:
    head = (
        "server",
        "requests/s, 1 connection",
        "8",
        "32",
        "CPU ms a request, at 8",
        "÷ ours",
        "busier worker at 8, 32",
    )
    rows = (
        (
            _title(name),
            *(_cell(results.spread(name, requests(connections)), 0) for connections in (1, 8, 32)),
            _cell(results.spread(name, cpu()), 3),
            _cell(results.ratio(name, OURS, cpu()), 2),
            ", ".join(_share(results.spread(name, _busiest(connections))) for connections in (8, 32)),
        )
        for name in _ordered(results, cpu())
    )
    return _table(head, rows)


def _lists(results: Results) -> str:
    measure = cpu(8, BATCH)
    rows = (
        (_title(name), _cell(results.spread(name, texts_per_second(BATCH)), 0), _cell(results.spread(name, measure), 2))
        for name in _ordered(results, measure)
    )
    return _table(("server", "texts/s", "CPU ms a request"), rows)


def _start(results: Results) -> str:
    rows = (
        (
            _title(name),
            _cell(results.spread(name, lambda visit: visit.start_seconds), 2),
            _cell(results.spread(name, lambda visit: visit.second_worker_mb), 0),
            _cell(results.spread(name, lambda visit: visit.total_mb), 0),
        )
        for name in _ordered(results, lambda visit: visit.start_seconds)
    )
    return _table(("server", "seconds to the first answer", "second worker, MB (PSS)", "all processes, MB"), rows)


def _rate(results: Results) -> str:
    rows = (
        (
            _title(name),
            _cell(Spread.of([loads[name].p99_ms for loads in results.rate_rounds]), 2),
            f"{sum(loads[name].errors for loads in results.rate_rounds):,}",
        )
        for name in (OURS, FLOOR)
    )
    return _table((f"at {results.rate} requests/s", "p99, ms", "failed requests"), rows)


def _busiest(connections: int) -> Measure:
    return in_window(1, connections, lambda window: window.busiest)


def _ordered(results: Results, measure: Measure) -> list[str]:
    """Least first; peers without such a measure are left out."""
    known = {name: spread.median for name in results.peers() if (spread := results.spread(name, measure))}
    return sorted(known, key=known.__getitem__)


def _title(name: str) -> str:
    title = next(peer.title for peer in PEERS if peer.name == name)
    return f"**{title}**" if name == OURS else title


def _cell(spread: Spread | None, digits: int) -> str:
    return spread.text(digits) if spread else "—"


def _share(spread: Spread | None) -> str:
    return f"{spread.median:.0%} ({spread.low:.0%}-{spread.high:.0%})" if spread else "—"


def _table(head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
