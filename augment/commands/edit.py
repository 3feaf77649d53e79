"""Commands that change one image by its parsing map: texture-transfer, edit-image, try-on."""

from collections.abc import Callable
from pathlib import Path

import click

from augment.commands.options import examples

FILE = click.Path(path_type=Path)
SLEEVES = click.Choice(("long", "short"))


def _common(command: Callable) -> Callable:
    for option in (
        click.option(
            "--scale",
            is_flag=True,
            help="Enlarge what was painted to the image's size; the rest is its own.",
        ),
        click.option(
            "--pose-network",
            type=FILE,
            help="Finds joints that no file tells.  [default: that packed in --model]",
        ),
        click.option(
            "--output",
            required=True,
            type=FILE,
            help="A PNG; other pictures are written beside it, and a sheet.",
        ),
        click.option(
            "--model", required=True, metavar="FILE", help="A trained spt, packed or not."
        ),
    ):
        command = option(command)
    return command


@click.command(
    epilog=examples(
        "augment texture-transfer --a A.jpg --a-parsing A.png --b B.jpg --b-parsing B.png \\",
        "    --model spt.pt --output out.png",
    )
)
@click.option("--a", required=True, type=FILE, help="An image of a person.")
@click.option("--a-parsing", required=True, type=FILE, help="Its label map.")
@click.option("--a-keypoints", type=FILE, help="Its joints.  [default: by the pose network]")
@click.option("--b", required=True, type=FILE, help="Another.")
@click.option("--b-parsing", required=True, type=FILE)
@click.option("--b-keypoints", type=FILE)
@click.option(
    "--background",
    type=click.Choice(("own", "network")),
    default="own",
    show_default=True,
    help="Keep every pixel outside the person, or have the background network paint it.",
)
@_common
def texture_transfer(
    a: Path,
    a_parsing: Path,
    a_keypoints: Path | None,
    b: Path,
    b_parsing: Path,
    b_keypoints: Path | None,
    background: str,
    model: str,
    output: Path,
    pose_network: Path | None,
    scale: bool,
) -> None:
    """Put the clothes of each of two persons on the other."""
    from augment.single_images import editing

    editing.texture_transfer(
        (a, a_parsing, a_keypoints),
        (b, b_parsing, b_keypoints),
        background,
        _settings(model, pose_network, scale, output),
    )


@click.command(
    epilog=examples(
        'augment edit-image --image A.jpg --parsing A.png --edit "trousers->skirt" --model spt.pt --output out.png',
        "augment edit-image --image A.jpg --parsing A.png --sleeves long --model spt.pt --output out.png",
        "augment edit-image --image A.jpg --parsing A.png --edited edited.png --model spt.pt --output out.png",
    )
)
@click.option("--image", required=True, type=FILE, help="An image of a person.")
@click.option("--parsing", required=True, type=FILE, help="Its label map.")
@click.option("--keypoints", type=FILE, help="Its joints.  [default: by the pose network]")
@click.option(
    "--edited",
    type=FILE,
    help="The map as edited in a paint program: label numbers, or the labels' colours.",
)
@click.option(
    "--edit",
    multiple=True,
    metavar='"FROM->TO"',
    help="Turn one label into another; may be given again.",
)
@click.option("--sleeves", type=SLEEVES, help="Make sleeves long or short, after the edits.")
@_common
def edit_image(
    image: Path,
    parsing: Path,
    keypoints: Path | None,
    edited: Path | None,
    edit: tuple[str, ...],
    sleeves: str | None,
    model: str,
    output: Path,
    pose_network: Path | None,
    scale: bool,
) -> None:
    """Repaint a person by an edited parsing map."""
    from augment.single_images import editing

    if edited is not None and edit:
        raise click.UsageError("give --edited or --edit, not both")
    if edited is None and not edit and sleeves is None:
        raise click.UsageError("say what to change: --edited, --edit or --sleeves")
    settings = _settings(model, pose_network, scale, output)
    editing.edit_image(image, parsing, keypoints, edited, edit, sleeves, settings)


@click.command(
    epilog=examples(
        "augment try-on --person P.jpg --parsing P.png --clothing C.jpg --landmarks C.json --model spt.pt --output out.png",
        "augment try-on --person P.jpg --parsing P.png --clothing fabric.jpg --model spt.pt --output out.png",
    )
)
@click.option("--person", required=True, type=FILE, help="An image of a person.")
@click.option("--parsing", required=True, type=FILE, help="Its label map.")
@click.option("--keypoints", type=FILE, help="Its joints.  [default: by the pose network]")
@click.option(
    "--clothing",
    required=True,
    type=FILE,
    help="A picture of clothing; without --landmarks, of a fabric or style.",
)
@click.option(
    "--landmarks",
    type=FILE,
    help='JSON: {"left_collar": [y, x], ...}, and right_, _elbow, _sleeve_end, _hem.',
)
@click.option(
    "--clothing-parsing",
    type=FILE,
    help="Where the clothing is.  [default: what differs from the border's colour]",
)
@click.option(
    "--region", default="upper_clothes", show_default=True, help="What of the person it is put on."
)
@click.option(
    "--sleeves",
    type=SLEEVES,
    help="Change the person's map first, where the clothing's sleeves are other.",
)
@_common
def try_on(
    person: Path,
    parsing: Path,
    keypoints: Path | None,
    clothing: Path,
    landmarks: Path | None,
    clothing_parsing: Path | None,
    region: str,
    sleeves: str | None,
    model: str,
    output: Path,
    pose_network: Path | None,
    scale: bool,
) -> None:
    """Put a piece of clothing from a picture on a person, whose face and background stay as they
    are.
    """
    from augment.single_images import editing

    if landmarks is None and clothing_parsing is not None:
        raise click.UsageError(
            "--clothing-parsing belongs to --landmarks: a fabric fills its picture"
        )
    settings = _settings(model, pose_network, scale, output)
    editing.try_on(
        (person, parsing, keypoints),
        clothing,
        landmarks,
        clothing_parsing,
        region,
        sleeves,
        settings,
    )


def _settings(model: str, pose_network: Path | None, scale: bool, output: Path):
    from augment.single_images.editing import Settings

    if output.suffix.lower() != ".png":
        raise click.UsageError(f"--output {output}: a PNG is written; give it a name in .png")
    return Settings(model, pose_network, scale, output)


COMMANDS: tuple[click.Command, ...] = (texture_transfer, edit_image, try_on)
