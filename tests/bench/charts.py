"""A report's charts as SVG, by matplotlib, which is optional (`make bench` installs it): without it there are none.

The same figures give the same file, byte for byte. Backgrounds are transparent and colours of middle lightness, so that
a picture is read on white and on dark; text stays text.
"""

import importlib.util
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.bench.report import OURS, REAL, Bars, Chart

INK, FAINT = "#7d8793", "#7d879344"
COLOURS = {OURS: "#2f81f7", REAL: "#d9822b"}
OTHERS = ["#2f81f7", "#d9822b", "#2da562", "#b163d9", "#d6556b", "#1aa3a8", "#9a8b2f", "#7d8793"]
WIDTH_IN, LINES_IN, BAR_IN = 7.2, 3.8, 0.27
STYLE: dict[str, Any] = {
    "svg.hashsalt": "pocker",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 2,
    "lines.marker": "o",
    "lines.markersize": 4.5,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def drawn(charts: Sequence[Chart | Bars], directory: Path) -> tuple[list[str], str]:
    """Write the charts as NAME.svg; the names of those that were, and why there are none, if so."""
    if importlib.util.find_spec("matplotlib") is None:
        return [], "matplotlib is not installed (`make bench` does it; by hand: `pip install 'pocker[bench]'`)."
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    names = []
    with mpl.rc_context(STYLE):
        for chart in charts:
            if not any(chart.lines.values() if isinstance(chart, Chart) else chart.bars):
                continue
            figure = _bars(plt, chart) if isinstance(chart, Bars) else _lines(plt, chart)
            figure.savefig(directory / f"{chart.name}.svg", transparent=True, metadata={"Date": None, "Creator": None})
            plt.close(figure)
            names.append(chart.name)
    return names, ""


def _lines(plt: Any, chart: Chart) -> Any:
    figure, axes = plt.subplots(figsize=(WIDTH_IN, LINES_IN), layout="constrained")
    taken = {COLOURS[name] for name in chart.lines if name in COLOURS}
    others = cycle(colour for colour in OTHERS if colour not in taken)
    for name, points in chart.lines.items():
        across, up = zip(*sorted(points), strict=True) if points else ((), ())
        colour = COLOURS[name] if name in COLOURS else next(others)
        axes.plot(across, up, label=name, color=colour, linestyle="--" if REAL in name else "-")
    if chart.log_x:
        axes.set_xscale("log")
    if chart.log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set(title=chart.title, xlabel=chart.x, ylabel=chart.y)
    for axis, log in ((axes.xaxis, chart.log_x), (axes.yaxis, chart.log_y)):
        _plain(axis, log)
    if len(chart.lines) > 1:
        axes.legend()
    return figure


def _plain(axis: Any, log: bool) -> None:
    """Numbers as they are spoken, not as powers of ten."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    if log:
        axis.set_minor_formatter(NullFormatter())


def _bars(plt: Any, chart: Bars) -> Any:
    height = 1.1 + BAR_IN * len(chart.bars)
    figure, axes = plt.subplots(figsize=(WIDTH_IN, height), layout="constrained")
    names, values = list(chart.bars), list(chart.bars.values())
    drawn_bars = axes.barh(names, values, color=COLOURS[OURS], height=0.66)
    axes.bar_label(drawn_bars, labels=[f"{value:,.1f}" for value in values], padding=4, color=INK, fontsize=9)
    for number, (meaning, at) in enumerate(chart.marks.items()):
        axes.axvline(at, color=OTHERS[1 + number], linewidth=1.2, linestyle="--", marker="", label=meaning)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.08, y=0.01)
    axes.set(title=chart.title, xlabel=chart.x)
    if chart.marks:
        figure.legend(loc="outside lower right", ncols=len(chart.marks))
    return figure
