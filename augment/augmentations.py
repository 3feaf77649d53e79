"""Augmentations: what a re-ID model is trained on in addition to the reduced set.

| name | meaning |
|---|---|
| none | nothing |
| classic | no images, but flip, crop, erasing and colour jitter of params.yaml's section `classic` |
| patn | images of a trained generator, protocol `paper` |
| patn-star, patn-leak_free | the same under another protocol |
| patn-recomposed, patn-leak_free-recomposed | its people pasted into other cameras' scenes |
| puppet | puppets with the pose, plate and cast of another camera's scene |
| puppet-pose, puppet-plate, puppet-plate_cast, puppet-pose_plate | puppets that take only these from the scene |
| puppet-online | puppets redrawn in every epoch of the re-ID training; nothing on disk |

Names appear in commands, params.yaml, paths and results. `parse` converts a name at the entry; all
other code passes the Augmentation on.
"""

from dataclasses import dataclass, replace

PROTOCOLS = ("paper", "star", "leak_free")
NONE = "none"
CLASSIC = "classic"
PUPPET = "puppet"
TAKES = ("pose", "plate", "cast")


@dataclass(frozen=True)
class Augmentation:
    """An augmentation; `Augmentation()` is `none`.

    generator: registry key; None without generated images
    protocol: one of PROTOCOLS: where target poses come from, and what the generator is trained on
    recomposed: whether people are cut out and pasted into another camera's scene
    takes: what a puppet takes from its scene, in the order of TAKES
    online: whether images are drawn during the re-ID training and never written
    classic: whether section `classic` replaces the model's own image augmentation
    """

    generator: str | None = None
    protocol: str = "paper"
    recomposed: bool = False
    takes: tuple[str, ...] = ()
    online: bool = False
    classic: bool = False

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

    @property
    def is_plain(self) -> bool:
        """Whether it is `none`: the reduced set as it is."""
        return self == Augmentation()

    @property
    def on_disk(self) -> bool:
        """Whether it has images that `augment generate` writes."""
        return self.generator is not None and not self.online

    @property
    def needs_training(self) -> bool:
        """Whether its generator is a trained one."""
        return self.generator not in (None, PUPPET)

    @property
    def by_puppets(self) -> bool:
        """Whether the puppets' code draws its images: puppets and recomposed people."""
        return self.generator == PUPPET or self.recomposed

    @property
    def leak_free(self) -> bool:
        """Whether its generator is trained on the reduced set alone."""
        return self.protocol == "leak_free"

    @property
    def saw_all(self) -> bool:
        """Whether its generator is trained on images that the re-ID model does not get."""
        return self.needs_training and not self.leak_free

    @property
    def not_recomposed(self) -> "Augmentation":
        """The augmentation from whose images recomposition cuts out people."""
        return replace(self, recomposed=False)

    def trained_on(self, portion: float) -> float | None:
        """The portion whose reduced set its generator is trained on; None for all real images."""
        return portion if self.leak_free and portion < 1 else None


def parse(name: str) -> Augmentation:
    """The augmentation with this name.

    Raises:
        ValueError: If the name is unknown.
    """
    for augmentation in _variants(name.split("-")[0]):
        if augmentation.name == name != "":
            return augmentation
    known = ", ".join(
        augmentation.name
        for generator in (NONE, CLASSIC, "patn", PUPPET)
        for augmentation in _variants(generator)
    )
    raise ValueError(
        f"unknown augmentation {name!r}; known, with any trained generator in place of patn: {known}"
    )


def from_flags(generator: str | None, protocol: str | None, background: str | None) -> Augmentation:
    """The augmentation that a command's flags describe; None for a flag that is not set.

    Raises:
        ValueError: If puppets do not have the protocol.
    """
    if generator is None:
        return Augmentation()
    if generator != PUPPET:
        return Augmentation(generator, protocol or "paper", recomposed=background == "other")
    if protocol not in (None, "leak_free"):
        raise ValueError(
            f"puppets use only the reduced set: their protocol is leak_free, not {protocol}"
        )
    return Augmentation(PUPPET, "leak_free", takes=("pose",) if background == "source" else TAKES)


def check_set(augmentation: Augmentation, portion: float, ratio: int) -> None:
    """Check that an extended set can exist.

    At portion 1 nothing is removed, so the protocols, which differ in their use of removed images,
    are all the same.

    Raises:
        ValueError: If it cannot.
    """
    if ratio == 1:
        return
    if portion != 1:
        raise ValueError(
            f"--ratio {ratio} extends the set of all real images: it requires --portion 1.0, not {portion}"
        )
    if not augmentation.on_disk:
        raise ValueError(
            f"{augmentation.name} adds no images: it has no extended set, so --ratio {ratio} has no meaning"
        )
    plain = replace(augmentation, protocol="paper").name
    if augmentation.needs_training and augmentation.name != plain:
        raise ValueError(
            f"at portion 1.0 nothing is removed, so all protocols are the same: use {plain}, not {augmentation.name}"
        )


def _variants(generator: str) -> list[Augmentation]:
    """Every augmentation with this generator."""
    if generator in (NONE, CLASSIC):
        return [Augmentation(classic=generator == CLASSIC)]
    if generator != PUPPET:
        return [
            Augmentation(generator, protocol, recomposed)
            for protocol in PROTOCOLS
            for recomposed in (False, True)
        ]
    choices = (TAKES, ("pose",), ("plate",), ("plate", "cast"), ("pose", "plate"))
    return [
        *(Augmentation(PUPPET, "leak_free", takes=takes) for takes in choices),
        Augmentation(PUPPET, "leak_free", takes=TAKES, online=True),
    ]
