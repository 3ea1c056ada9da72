"""Curves as SVG for the page of figures: a few lines over one axis, readable on light and dark ground alike. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

_WIDTH, _HEIGHT = 760, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 30, 45
_INK, _FAINT = "#24292f", "#d0d7de"
COLOURS: Final = ("#0969da", "#cf222e", "#1a7f37", "#8250df")
_TICKS: Final = 4
#: A quarter of each is a short number.
_NICE: Final = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One curve."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves over one axis, which begins at 0 as the other does."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]

    def svg(self) -> str:
        """Return the picture, on a ground of its own."""
        root = ET.Element(
            "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img",
            attrib={"aria-label": self.title, "font-family": "sans-serif"},
        )  # fmt: skip
        ET.SubElement(root, "rect", width=str(_WIDTH), height=str(_HEIGHT), fill="#ffffff")
        _text(root, (_LEFT, 18), f"{self.title}, {self.y}", size=14)
        frame = _Frame(top_x=nice(self._highest(0)), top_y=nice(self._highest(1)))
        frame.draw(root, self.x)
        for place, line in enumerate(self.lines):
            _curve(root, [frame.at(point) for point in line.points], COLOURS[place % len(COLOURS)])
            name_at = _LEFT + frame.width + 14, _TOP + 14 + 22 * place
            ET.SubElement(
                root, "rect", x=str(name_at[0]), y=str(name_at[1] - 9), width="12", height="8",
                fill=COLOURS[place % len(COLOURS)],
            )  # fmt: skip
            _text(root, (name_at[0] + 18, name_at[1]), line.name)
        ET.indent(root)
        return ET.tostring(root, encoding="unicode") + "\n"

    def _highest(self, axis: int) -> float:
        return max((point[axis] for line in self.lines for point in line.points), default=1) or 1


@dataclass(frozen=True, slots=True)
class _Frame:
    top_x: float
    top_y: float
    width: int = _WIDTH - _LEFT - _RIGHT
    height: int = _HEIGHT - _TOP - _BOTTOM

    def at(self, point: Point) -> tuple[int, int]:
        """Return where a point lies."""
        x, y = point
        return _LEFT + round(self.width * x / self.top_x), _TOP + round(self.height * (1 - y / self.top_y))

    def draw(self, root: ET.Element, x: str) -> None:
        """Draw both axes with their ticks."""
        for tick in range(_TICKS + 1):
            share = tick / _TICKS
            left, top = self.at((0, self.top_y * share))
            ET.SubElement(
                root, "line", x1=str(left), y1=str(top), x2=str(left + self.width), y2=str(top), stroke=_FAINT
            )
            _text(root, (left - 8, top + 4), number(self.top_y * share), anchor="end")
            below, bottom = self.at((self.top_x * share, 0))
            _text(root, (below, bottom + 18), number(self.top_x * share), anchor="middle")
        _text(root, (_LEFT + self.width // 2, _HEIGHT - 8), x, anchor="middle")


def nice(highest: float) -> float:
    """Return the next number that an axis may well end at."""
    power = 10 ** math.floor(math.log10(highest))
    return float(next(step * power for step in _NICE if step * power >= highest * 0.999))


def number(value: float) -> str:
    """Return a number as it stands at an axis."""
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:.3g}"  # noqa: PLR2004 - digits


def _curve(root: ET.Element, points: Sequence[tuple[int, int]], colour: str) -> None:
    text = " ".join(f"{x},{y}" for x, y in points)
    ET.SubElement(root, "polyline", points=text, fill="none", stroke=colour, attrib={"stroke-width": "2"})
    if len(points) <= 10:  # noqa: PLR2004 - more would be a string of pearls
        for x, y in points:
            ET.SubElement(root, "circle", cx=str(x), cy=str(y), r="3.5", fill=colour)


def _text(root: ET.Element, at: tuple[int, int], text: str, *, anchor: str = "start", size: int = 12) -> None:
    attributes = {"text-anchor": anchor, "font-size": str(size)}
    ET.SubElement(root, "text", x=str(at[0]), y=str(at[1]), fill=_INK, attrib=attributes).text = text
