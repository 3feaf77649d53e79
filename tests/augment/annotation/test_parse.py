"""augment parse: by a SegFormer that has learned nothing, and from keypoints."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from upright import UPRIGHT

from augment.annotation import parse, picture_folder
from augment.prepared import keypoints, parsing
from augment.pretrained import segformer
from generators.body.parsing import LABELS, from_keypoints, table

SIZES = {
    "a.jpg": (128, 64),
    "deep/b.png": (64, 64),
    "c.jpg": (40, 90),
    "d.jpg": (128, 64),
    "e.jpg": (33, 17),
}
ATR = (
    "Background",
    "Hat",
    "Hair",
    "Sunglasses",
    "Upper-clothes",
    "Skirt",
    "Pants",
    "Dress",
    "Belt",
    "Left-shoe",
    "Right-shoe",
    "Face",
    "Left-leg",
    "Right-leg",
    "Left-arm",
    "Right-arm",
    "Bag",
    "Scarf",
)


@pytest.fixture
def crops(tmp_path):
    folder, rng = tmp_path / "crops", np.random.default_rng(0)
    for name, size in SIZES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / name)
    return folder


def save_model(folder, names, **saved):
    from transformers import (
        SegformerConfig,
        SegformerForSemanticSegmentation,
        SegformerImageProcessor,
    )

    torch.manual_seed(0)
    config = SegformerConfig(
        depths=[1] * 4,
        hidden_sizes=[8, 8, 16, 16],
        decoder_hidden_size=16,
        num_attention_heads=[1, 1, 2, 2],
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
    )
    network = SegformerForSemanticSegmentation(config).eval()
    network.save_pretrained(folder)
    SegformerImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return network


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segformer")
    save_model(folder, ATR)
    return folder


def test_atrs_table_is_in_the_order_of_the_default_model():
    """id2label of mattmdjaga/segformer_b2_clothes, as its config.json has it."""
    assert [theirs for theirs, _ in table("atr18")] == [
        name.lower().replace("-", "_") for name in ATR
    ]


def test_maps_are_what_the_network_says(crops, tmp_path, model):
    from transformers import SegformerForSemanticSegmentation

    parser = segformer.load(str(model), None, "cpu")
    assert parser.labels == "atr18"
    with Image.open(crops / "a.jpg") as opened:
        picture = opened.convert("RGB")
    (found,) = parser.parse([picture])
    pixels = np.asarray(picture.resize((64, 64), Image.Resampling.BILINEAR), np.float32) / 255
    pixels = (pixels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    with torch.no_grad():
        network = SegformerForSemanticSegmentation.from_pretrained(model)
        logits = network(torch.tensor(pixels, dtype=torch.float32).permute(2, 0, 1)[None]).logits
    wanted = (
        torch.nn.functional.interpolate(logits, (128, 64), mode="bilinear")[0].argmax(0).numpy()
    )
    assert found.shape == (128, 64) and (found == wanted).mean() > 0.98


def test_the_command_writes_ten_labels_and_resumes(crops, tmp_path, model, augment):
    output = tmp_path / "maps"
    given = (
        "parse",
        str(crops),
        "--output",
        str(output),
        "--model",
        str(model),
        "--batch",
        "2",
        "--device",
        "cpu",
    )
    result = augment(*given, "--dry-run")
    assert result.exit_code == 0 and not output.exists()
    result = augment(*given)
    assert result.exit_code == 0, result.output
    assert (
        f"{output}: 5 maps; in params.yaml: dataset: parsing: {{root: {output}, labels: ten}}"
        in result.output
    )
    files = {name: output / name.rpartition(".")[0] for name in SIZES}
    whole = {}
    for name, file in files.items():
        with Image.open(f"{file}.png") as image:
            assert (image.height, image.width) == SIZES[name] and image.mode == "P"
            assert np.asarray(image).max() < len(LABELS)
        whole[name] = file.with_suffix(".png").read_bytes()
    (output / "c.png").unlink()
    result = augment(*given)
    assert result.exit_code == 0 and f"{output}: 3 of 5 maps exist already" in result.output
    assert {name: file.with_suffix(".png").read_bytes() for name, file in files.items()} == whole
    result = augment(*given[:-4], "--batch", "3", "--device", "cpu")
    assert result.exit_code == 1 and "maps: holds maps of other settings" in result.output


def test_a_model_without_names_needs_labels(tmp_path):
    save_model(tmp_path / "m", [f"LABEL_{number}" for number in range(20)])
    with pytest.raises(
        ValueError,
        match=r"are not those of a known human parser \(ten, atr18, lip20, cihp20\): label_0",
    ):
        segformer.load(str(tmp_path / "m"), None, "cpu")
    assert segformer.load(str(tmp_path / "m"), "lip20", "cpu").labels == "lip20"
    with pytest.raises(ValueError, match="has 20 labels, and atr18 has 18"):
        segformer.load(str(tmp_path / "m"), "atr18", "cpu")


def test_pickled_weights_are_not_loaded(tmp_path):
    network = save_model(tmp_path / "m", ATR)
    (tmp_path / "m/model.safetensors").unlink()
    torch.save(network.state_dict(), tmp_path / "m/pytorch_model.bin")
    with pytest.raises(OSError, match="m: no SegFormer could be loaded .*model.safetensors"):
        segformer.load(str(tmp_path / "m"), None, "cpu")


def test_without_transformers_or_weights_it_is_said_at_once(tmp_path, monkeypatch, augment):
    given = (
        "parse",
        str(tmp_path / "nowhere"),
        "--output",
        str(tmp_path / "maps"),
        "--device",
        "cpu",
    )
    monkeypatch.setitem(sys.modules, "transformers", None)
    result = augment(*given)
    assert result.exit_code == 1 and "transformers is not installed" in result.output
    assert "pip install 'reid-augment[parsing]'" in result.output
    monkeypatch.undo()
    (tmp_path / "empty").mkdir()
    result = augment(*given, "--model", str(tmp_path / "empty"))
    assert result.exit_code == 1 and "empty: no SegFormer could be loaded" in result.output
    assert "Without a network, put its config.json" in result.output


def test_offline_nothing_is_waited_for(monkeypatch):
    import huggingface_hub

    def refuse(*_, **__):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(
        OSError,
        match=r"segformer_b2_clothes: no SegFormer could be loaded \(Name or service not known\)\.",
    ):
        segformer.load(segformer.DEFAULT, None, "cpu")


def test_from_keypoints(crops, tmp_path, augment):
    person = np.array(UPRIGHT, float)
    keypoints.write({"a.jpg": person, "d.jpg": np.full((18, 2), -1.0)}, tmp_path / "k.csv")
    output = tmp_path / "maps"
    given = ("parse", str(crops), "--output", str(output), "--model", "from-keypoints")
    result = augment(*given, "--keypoints", str(tmp_path / "k.csv"))
    assert result.exit_code == 0, result.output
    assert "3 of 5 images have no keypoints; their maps are empty" in result.output
    with Image.open(output / "a.png") as image:
        assert np.array_equal(
            np.asarray(image), from_keypoints(torch.from_numpy(person).float()[None], (128, 64))[0]
        )
    with Image.open(output / "deep/b.png") as image:
        assert image.size == (64, 64) and not np.asarray(image).any()
    keypoints.write({"a.jpg": person + 1}, tmp_path / "k.csv")
    result = augment(*given, "--keypoints", str(tmp_path / "k.csv"))
    assert result.exit_code == 1 and "holds maps of other settings" in result.output
    keypoints.write({"z.jpg": person}, tmp_path / "k.csv")
    result = augment(*given, "--keypoints", str(tmp_path / "k.csv"))
    assert (
        result.exit_code == 1
        and "k.csv: no name matches an image; see `augment check-keypoints`" in result.output
    )


def test_the_prepared_set_from_its_keypoints(project, augment):
    result = augment("parse", "--output", "maps", "--model", "from-keypoints")
    assert result.exit_code == 0, result.output
    assert list((project / "maps/bounding_box_train").glob("*.png"))


def test_usage(crops, augment):
    result = augment("parse", str(crops), "--output", "x", "--keypoints", "k.csv")
    assert (
        result.exit_code == 2 and "--keypoints belongs to --model from-keypoints" in result.output
    )
    result = augment("parse", str(crops), "--output", "x", "--model", "from-keypoints")
    assert (
        result.exit_code == 2
        and "expected --keypoints FILE with the keypoints of the images in FOLDER" in result.output
    )


def test_two_pictures_with_one_map_are_refused(crops, tmp_path):
    Image.new("RGB", (8, 8)).save(crops / "a.png")
    pictures = picture_folder.find(crops)
    with pytest.raises(
        ValueError, match=r"'a.jpg' and 'a.png' would both have the map .*a.png: rename one"
    ):
        parse.run(pictures, tmp_path / "maps", {}, lambda names, images: [], 2)


def test_a_map_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Image.Image, "save", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full"))
    )
    with pytest.raises(OSError, match="disk full"):
        parsing.save(np.zeros((4, 4), np.uint8), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
