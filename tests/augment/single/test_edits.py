import numpy as np
import pytest

from augment.single import edits


def test_all_edits_at_once():
    labels = np.array([[0, 3, 4], [5, 4, 6]], np.uint8)
    found = edits.relabelled(labels, edits.parse(["trousers->skirt", " skirt -> trousers "]))
    assert found.tolist() == [[0, 3, 5], [4, 5, 6]] and found.dtype == np.uint8
    assert edits.relabelled(labels, {}).tolist() == labels.tolist()


@pytest.mark.parametrize(
    "texts, words",
    [
        (["trousers"], "--edit 'trousers': expected FROM->TO, as 'trousers->skirt'"),
        (["a->b->c"], "expected FROM->TO"),
        (
            ["pants->skirt"],
            "unknown label 'pants'; there are background, face, hair, upper_clothes, trousers, skirt,",
        ),
        (["trousers->skirt", "trousers->left_leg"], "trousers is edited already"),
    ],
)
def test_wrong_edits(texts, words):
    with pytest.raises(ValueError) as caught:
        edits.parse(texts)
    assert words in str(caught.value)


def test_labels_that_are_not_there():
    with pytest.raises(
        ValueError, match="--edit: the map shows no skirt; it shows background, trousers"
    ):
        edits.relabelled(np.array([[0, 4]], np.uint8), edits.parse(["skirt->trousers"]))
