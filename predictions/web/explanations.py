"""How an explanation is shown: bars from the middle, in percentage points, under the names that the form uses."""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_pipeline.bundle.explaining import Explanation, Part
from ml_pipeline.spec import InputField
from predictions.web.fields import title_of

SHOWN = 8
_VISIBLE = 0.0005  # of a probability: what rounds to 0.1 points
_SOURCES = {"exact": "Exact", "permutation": "Estimated"}


@dataclass(frozen=True, slots=True)
class Push:
    """One line: what it is, where it stands, what it added. `left` and `width` are per cent of the bar's width."""

    name: str
    place: str
    points: str
    is_for: bool
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class ShownExplanation:
    """The strongest parts, and in the last line what all others added together."""

    label: str
    source: str
    method: str
    baseline: str
    pushes: tuple[Push, ...]


def present_explanation(
    explanation: Explanation, inputs: Mapping[str, InputField], texts: Mapping[str, str]
) -> ShownExplanation:
    """`texts` are the values as the form shows them."""
    shown = [part for part in explanation.parts if abs(part.points) >= _VISIBLE][:SHOWN]
    hidden = len(explanation.parts) - len(shown) + explanation.rest_count
    rest = explanation.rest + sum(part.points for part in explanation.parts if part not in shown)
    widest = max([abs(part.points) for part in shown] + [abs(rest), _VISIBLE])
    lines = [_push(_name(part, inputs, texts), _place(part, inputs), part.points, widest) for part in shown]
    if hidden or abs(rest) >= _VISIBLE:
        lines.append(_push(f"{hidden} others together", "", rest, widest))
    return ShownExplanation(
        explanation.label,
        _SOURCES[explanation.source],
        explanation.method,
        f"{explanation.baseline * 100:.1f} %",
        tuple(lines),
    )


def points(share: float) -> str:
    """A difference of two probabilities in percentage points, with its sign."""
    return f"{share * 100:+.1f}".replace("-", "−").replace("+0.0", "0.0").replace("−0.0", "0.0")


def _name(part: Part, inputs: Mapping[str, InputField], texts: Mapping[str, str]) -> str:
    if part.term is not None:
        return part.term
    (name,) = part.fields
    return f"{title_of(name, inputs[name])}: {texts.get(name) or 'missing'}"


def _place(part: Part, inputs: Mapping[str, InputField]) -> str:
    """Where a word stands, in a form that has several fields."""
    if part.term is None or len(inputs) == 1:
        return ""
    return ", ".join(title_of(name, inputs[name]) for name in part.fields)


def _push(name: str, place: str, added: float, widest: float) -> Push:
    width = round(50 * abs(added) / widest, 2)
    return Push(name, place, points(added), added > 0, 50.0 if added > 0 else round(50 - width, 2), width)
