"""The look of a person: body, hair, skin and clothes.

The palettes are small enough that strangers resemble one another.
"""

from dataclasses import dataclass

import numpy as np

from augment.data.mini_market.figure import Body, draw_body

UPPER_COLOURS = (
    (226, 226, 222), (38, 38, 42), (128, 130, 134), (40, 52, 104), (62, 112, 182),
    (146, 184, 216), (172, 42, 46), (80, 130, 78), (212, 182, 68), (216, 146, 164),
    (208, 112, 50), (106, 72, 142),
)  # fmt: skip
LOWER_COLOURS = (
    (36, 36, 42), (56, 72, 112), (118, 116, 112), (172, 152, 116), (92, 64, 50),
    (128, 152, 184), (208, 206, 200), (84, 90, 56),
)  # fmt: skip
SHOE_COLOURS = ((34, 32, 34), (214, 212, 208), (120, 66, 50))
PACK_COLOURS = ((32, 34, 40), (150, 42, 46), (60, 86, 128))
HAIR_COLOURS = ((24, 21, 20), (62, 42, 30), (120, 90, 56))
SKIN_COLOURS = ((226, 182, 154), (204, 152, 118), (142, 96, 70))

PATTERNS = {"plain": 0.37, "logo": 0.23, "striped": 0.2, "two-colour": 0.2}
SLEEVES = {"short": 0.55, "long": 0.3, "none": 0.15}
LOWERS = {"trousers": 0.55, "shorts": 0.27, "skirt": 0.18}
HAIR_STYLES = {"short": 0.5, "bob": 0.15, "long": 0.15, "tail": 0.15, "shaved": 0.05}


@dataclass(frozen=True)
class Identity:
    """What stays the same in every picture of a person; colours are (r, g, b) in 0..255."""

    body: Body
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    hair_style: str
    upper: tuple[int, int, int]
    second: tuple[int, int, int]  # stripes, lower half or logo
    pattern: str
    stripe: float  # period of stripes, or height of the colour change, in torso lengths
    sleeve: str
    hem: float  # where the upper garment ends, in torso lengths from the neck
    lower: tuple[int, int, int]
    lower_kind: str
    lower_length: float  # shorts and skirts: share of the thigh and shin that is covered (1 = knee)
    shoes: tuple[int, int, int]
    backpack: tuple[int, int, int] | None


def _choice(rng: np.random.Generator, table: dict[str, float]) -> str:
    return str(rng.choice(list(table), p=list(table.values())))


def _colour(rng: np.random.Generator, palette: tuple) -> tuple[int, int, int]:
    return palette[rng.integers(len(palette))]


def draw_identity(rng: np.random.Generator, backpack_rate: float) -> Identity:
    """A random person, who carries a backpack with probability `backpack_rate`."""
    upper = int(rng.integers(len(UPPER_COLOURS)))
    second = (upper + int(rng.integers(1, len(UPPER_COLOURS)))) % len(UPPER_COLOURS)
    pattern, lower_kind = _choice(rng, PATTERNS), _choice(rng, LOWERS)
    stripe = rng.uniform(0.13, 0.26) if pattern == "striped" else rng.uniform(0.4, 0.65)
    return Identity(
        body=draw_body(rng),
        skin=_colour(rng, SKIN_COLOURS),
        hair=_colour(rng, HAIR_COLOURS),
        hair_style=_choice(rng, HAIR_STYLES),
        upper=UPPER_COLOURS[upper],
        second=UPPER_COLOURS[second],
        pattern=pattern,
        stripe=float(stripe),
        sleeve=_choice(rng, SLEEVES),
        hem=float(rng.uniform(0.86, 1.12)),
        lower=_colour(rng, LOWER_COLOURS),
        lower_kind=lower_kind,
        lower_length=float(
            rng.uniform(0.6, 1.05) if lower_kind == "shorts" else rng.uniform(0.65, 1.3)
        ),
        shoes=_colour(rng, SHOE_COLOURS),
        backpack=_colour(rng, PACK_COLOURS) if rng.random() < backpack_rate else None,
    )
