"""What a re-ID model is trained on besides the reduced set: an augmentation, and the one name it
has everywhere.

| name | meaning |
|---|---|
| none | nothing |
| classic | nothing, but flip, crop, erasing and colour jitter of params.yaml's section `classic` |
| patn | a trained generator, protocol `paper` |
| patn-star, patn-leak_free | the same, another protocol |
| patn-recomposed, patn-leak_free-recomposed | its persons in other cameras' scenes |
| puppet | puppets with pose, plate and cast of another camera's scene |
| puppet-pose, puppet-plate, puppet-plate_cast, puppet-pose_plate | puppets that take only this from the scene |
| puppet-online | puppets drawn anew at every pass of the re-ID training; nothing on disk |
"""

from dataclasses import dataclass, replace

PROTOCOLS = ("paper", "star", "leak_free")
NONE = "none"
CLASSIC = "classic"
PUPPET = "puppet"
TAKES = ("pose", "plate", "cast")


@dataclass(frozen=True)
class Augmentation:
    """generator None: no generated images. takes: what a puppet takes from its scene, in the order
    of TAKES.
    """

    generator: str | None
    protocol: str
    recomposed: bool = False
    takes: tuple[str, ...] = ()
    online: bool = False
    classic: bool = False

    @property
    def on_disk(self) -> bool:
        """Whether it has images that `augment generate` makes."""
        return self.generator is not None and not self.online

    @property
    def name(self) -> str:
        if self.generator is None:
            return CLASSIC if self.classic else NONE
        words = [self.generator]
        if self.generator == PUPPET:
            words += (
                ["online"] if self.online else ["_".join(self.takes)] if self.takes != TAKES else []
            )
        else:
            words += [self.protocol] if self.protocol != "paper" else []
            words += ["recomposed"] if self.recomposed else []
        return "-".join(words)


def parse(name: str) -> Augmentation:
    """The augmentation of this name. ValueError where there is none."""
    for one in _variants(name.split("-")[0]):
        if one.name == name != "":
            return one
    known = ", ".join(
        one.name for generator in (NONE, CLASSIC, "patn", PUPPET) for one in _variants(generator)
    )
    raise ValueError(
        f"unknown augmentation {name!r}; there are, with any trained generator for patn: {known}"
    )


def of(generator: str | None, protocol: str | None, background: str | None) -> Augmentation:
    """The augmentation that flags describe; None where a flag was not given.

    Raises:
        ValueError: a protocol for puppets that they do not have.
    """
    if generator is None:
        return Augmentation(None, "paper")
    if generator != PUPPET:
        return Augmentation(generator, protocol or "paper", recomposed=background == "other")
    if protocol not in (None, "leak_free"):
        raise ValueError(
            f"puppets know the reduced set alone: their protocol is leak_free, not {protocol}"
        )
    return Augmentation(PUPPET, "leak_free", takes=("pose",) if background == "source" else TAKES)


def check_set(augmentation: Augmentation, portion: float, ratio: int) -> None:
    """ValueError for an extended set that there is not.

    At portion 1 nothing is removed: the protocols, which differ in what is known of removed images,
    are one.
    """
    if ratio == 1:
        return
    if portion != 1:
        raise ValueError(
            f"--ratio {ratio} extends the set of all real images: it demands --portion 1.0, not {portion}"
        )
    if not augmentation.on_disk:
        raise ValueError(
            f"{augmentation.name} adds no images: it has no extended set, and --ratio {ratio} no meaning"
        )
    plain = replace(augmentation, protocol="paper").name
    if augmentation.generator != PUPPET and augmentation.name != plain:
        raise ValueError(
            f"at portion 1.0 nothing is removed, so that all protocols are one: give {plain}, not {augmentation.name}"
        )


def _variants(generator: str) -> list[Augmentation]:
    """Every augmentation with this generator."""
    if generator in (NONE, CLASSIC):
        return [Augmentation(None, "paper", classic=generator == CLASSIC)]
    if generator != PUPPET:
        return [
            Augmentation(generator, protocol, recomposed)
            for protocol in PROTOCOLS
            for recomposed in (False, True)
        ]
    takes = (TAKES, ("pose",), ("plate",), ("plate", "cast"), ("pose", "plate"))
    return [Augmentation(PUPPET, "leak_free", takes=one) for one in takes] + [
        Augmentation(PUPPET, "leak_free", takes=TAKES, online=True)
    ]
