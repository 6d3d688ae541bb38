"""Draw docs/img/learning-curve.svg, the README's plot: loss and accuracy per epoch of the run in the workspace.

    python -m benchmarks.learning_curve

It reads metrics/history.csv and metrics/baseline.json, and needs no plotting library. The same metrics give the same
bytes.
"""

import csv
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.corpora import ROOT
from sentiment.io.atomic import atomic_write
from sentiment.io.command import run
from sentiment.io.json_file import read_json

IMAGE = ROOT / "docs/img/learning-curve.svg"
_WIDTH, _HEIGHT, _TOP, _PLOT_WIDTH, _PLOT_HEIGHT = 860, 312, 52, 330, 210
_TRAIN, _VALID, _GREY = "#8a8f98", "#1f6feb", "#57606a"


class _Curve(NamedTuple):
    label: str
    colour: str
    values: list[float]  # one for each epoch, from 1


def drawn() -> str:
    """Return the picture as SVG."""
    with (ROOT / "metrics/history.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    baseline = float(read_json(ROOT / "metrics/baseline.json")["baseline"]["accuracy"])
    column = {name: [float(row[name]) for row in rows] for name in rows[0]}
    losses = [_Curve("training", _TRAIN, column["train_loss"]), _Curve("validation", _VALID, column["valid_loss"])]
    shares = [
        _Curve("training", _TRAIN, column["train_accuracy"]),
        _Curve("validation", _VALID, column["valid_accuracy"]),
    ]
    highest = max(max(curve.values) for curve in losses)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}"'
            f' height="{_HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="12">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *_panel(56, "Loss, nats", losses, [0.0, 0.2, 0.4, 0.6, 0.8], 0.0, max(highest, 0.8), "{:.1f}"),
            *_panel(
                486, "Accuracy", shares, [0.5, 0.6, 0.7, 0.8, 0.9, 1.0], 0.45, 1.0, "{:.0%}", ("baseline", baseline)
            ),
            "</svg>\n",
        ]
    )


def _panel(
    left: int,
    title: str,
    curves: list[_Curve],
    ticks: list[float],
    low: float,
    high: float,
    tick_format: str,
    line: tuple[str, float] | None = None,
) -> list[str]:
    """Return one set of axes with its curves; `line` is a labelled horizontal one."""
    epochs = len(curves[0].values)

    def across(epoch: float) -> float:
        return left + _PLOT_WIDTH * (epoch - 1) / max(epochs - 1, 1)

    def down(value: float) -> float:
        return _TOP + _PLOT_HEIGHT * (high - value) / (high - low)

    right, bottom = left + _PLOT_WIDTH, _TOP + _PLOT_HEIGHT
    parts = [_text(left, 24, title, "#1f2328", "start", 'font-size="14" font-weight="bold"')]
    for tick in ticks:
        parts.append(f'<path d="M{left} {down(tick):.1f}H{right}" stroke="#d8dee4"/>')
        parts.append(_text(left - 8, down(tick) + 4, tick_format.format(tick), _GREY, "end"))
    parts += [
        _text(across(epoch), bottom + 18, str(epoch), _GREY, "middle") for epoch in [1, *range(10, epochs + 1, 10)]
    ]
    parts.append(_text(left + _PLOT_WIDTH / 2, bottom + 38, "epoch", _GREY, "middle"))
    if line:
        label, value = line
        parts.append(f'<path d="M{left} {down(value):.1f}H{right}" stroke="#cf222e" stroke-dasharray="5 4"/>')
        parts.append(_text(right, down(value) - 7, f"{label}, {value:.1%} of the test reviews", "#cf222e", "end"))
    parts += [_polyline(curve, across, down) for curve in curves]
    for place, curve in enumerate(curves):
        parts.append(_text(right, 24 + 16 * place, curve.label, curve.colour, "end", 'font-weight="bold"'))
    return parts


def _polyline(curve: _Curve, across: Callable[[float], float], down: Callable[[float], float]) -> str:
    points = " ".join(f"{across(epoch):.1f},{down(value):.1f}" for epoch, value in enumerate(curve.values, start=1))
    return f'<polyline points="{points}" fill="none" stroke="{curve.colour}" stroke-width="2"/>'


def _text(x: float, y: float, text: str, colour: str, anchor: str, more: str = "") -> str:
    attributes = f'x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}" {more}'.rstrip()
    return f"<text {attributes}>{text}</text>"


def main() -> None:
    IMAGE.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(IMAGE) as partial:
        partial.write_text(drawn(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run(main)
