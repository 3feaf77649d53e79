"""Section `online` of params.yaml, without the code that draws the puppets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OnlineParams:
    """Section `online`.

    share: share of a batch's images that are puppets
    girth: the widths of the parts are scaled by factors from U(1 - girth, 1 + girth)
    flip: probability that a source is mirrored before it is cut out, and that a scene is mirrored
    """

    share: float
    girth: float
    flip: float

    def __post_init__(self):
        for name in ("share", "flip"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"online.{name} must lie in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.girth < 1:
            raise ValueError(f"online.girth must lie in [0, 1), got {self.girth}")
