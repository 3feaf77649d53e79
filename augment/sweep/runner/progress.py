"""How far a stage is, read from the end of its log: the progress bar, and the last line."""

import re
from dataclasses import dataclass
from pathlib import Path

TAIL_BYTES = 4096
# A bar of tqdm: `train re-ID:  11%|#  | 5.89k/51.2k [00:10<01:22, 552image/s]`.
BAR = re.compile(r"(?:(?P<what>[^\r\n]*?): +)?(?P<percent>\d+)%\|.*?\[[\d:]+<(?P<left>[\d:?]+)")


@dataclass(frozen=True)
class Progress:
    """The last state of a stage's progress bar.

    what: the bar's title
    percent: done so far
    left: time to the bar's end, such as 01:22
    """

    what: str
    percent: int
    left: str


def progress(log: Path) -> Progress | None:
    """The progress bar at the end of a log; None if there is none."""
    bars = list(BAR.finditer(_tail(log)))
    if not bars:
        return None
    last = bars[-1]
    return Progress(last["what"] or "", int(last["percent"]), last["left"])


def last_line(log: Path) -> str:
    """The last line that is not a progress bar; empty if there is none."""
    lines = re.split(r"[\r\n]+", _tail(log))
    return next((line for line in reversed(lines) if line.strip() and not BAR.search(line)), "")


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as opened:
            start = max(0, log.stat().st_size - TAIL_BYTES)
            opened.seek(start)
            text = opened.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    # The first line is whole only if the text begins with the log.
    return text if start == 0 else re.split(r"[\r\n]", text, maxsplit=1)[-1]
