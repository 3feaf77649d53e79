"""Section `online` of params.yaml, without what draws the puppets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OnlineParams:
    """Section `online`.

    share: of a batch's images that are puppets
    girth: factors on the widths of the parts are U(1 - girth, 1 + girth)
    flip: probability that a source is seen in a mirror before it is cut, and a scene likewise
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
