"""What a drill found: a table for people, and the violations that make `make drill` fail."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """`check` notes a violation where something that must hold does not."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def add(self, *row: object) -> None:
        self.rows.append(row)

    def check(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.violations.append(otherwise)

    def markdown(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        table = "\n".join(f"| {' | '.join(_shown(cell) for cell in line)} |" for line in lines)
        verdict = "".join(f"- **Violated:** {violation}\n" for violation in self.violations) or "Nothing violated.\n"
        return f"## {self.title}\n{table}\n\n{verdict}"


def _shown(cell: object) -> str:
    return f"{cell:.1f}" if isinstance(cell, float) else str(cell)
