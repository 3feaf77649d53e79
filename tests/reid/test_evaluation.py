import dataclasses
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reid_toy import PARAMS, coloured_people

from reid import evaluation
from reid.data import normalise
from reid.evaluation import Scores, evaluate, evaluate_distances, score
from reid.models import build
from reid.rankings import rankings
from reid.retrieval import Retrieval, features


def naive(distances, query_pids, gallery_pids, query_camids, gallery_camids, drop_same_camera=True):
    """The definition, word for word: a stable sort and a walk down the list."""
    hits, precisions, trapezoids, skipped = [], [], [], 0
    for row, pid, camid in zip(distances, query_pids, query_camids, strict=True):
        found, length, precision, trapezoid, first = 0, 0, [], [], None
        old_precision = 1.0
        for item in sorted(range(len(row)), key=lambda item: row[item]):  # noqa: B023 - used at once
            same = gallery_pids[item] == pid and pid > 0
            if gallery_pids[item] == -1 or (
                same and drop_same_camera and gallery_camids[item] == camid
            ):
                continue
            length += 1
            if same:
                found += 1
                first = first or length
                precision.append(found / length)
                trapezoid.append((old_precision + found / length) / 2)
            old_precision = found / length
        if not found:
            skipped += 1
            continue
        hits.append(first)
        precisions.append(sum(precision) / found)
        trapezoids.append(sum(trapezoid) / found)
    if not hits:
        return None
    ranks = [sum(hit <= k for hit in hits) / len(hits) for k in (1, 5, 10)]
    means = [sum(values) / len(values) for values in (precisions, trapezoids)]
    return Scores(*ranks, *means, len(query_pids), sum(pid != -1 for pid in gallery_pids), skipped)


def assert_equal(ours: Scores, theirs: Scores):
    assert dataclasses.astuple(ours) == pytest.approx(dataclasses.astuple(theirs), abs=1e-12)


def people(seed, queries=40, gallery=150, identities=12, cameras=3, junk=True):
    rng = np.random.default_rng(seed)
    lowest = -1 if junk else 1
    return (
        rng.integers(1, identities + 1, queries),
        rng.integers(lowest, identities + 1, gallery),
        rng.integers(0, cameras, queries),
        rng.integers(0, cameras, gallery),
    )


@pytest.mark.parametrize("levels", [2, 7, 1000000])  # few levels = many ties
@pytest.mark.parametrize("drop_same_camera", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_a_naive_loop(levels, drop_same_camera, dtype):
    who = people(levels)
    distances = np.random.default_rng(1).integers(0, levels, (40, 150)).astype(dtype)
    assert_equal(
        evaluate_distances(distances, *who, drop_same_camera),
        naive(distances, *who, drop_same_camera),
    )


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_equals_a_naive_loop_on_anything(data):
    queries, gallery = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 12))

    def drawn(low, high, n):
        return np.array(data.draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    distances = drawn(-2, 3, queries * gallery).reshape(queries, gallery).astype(np.float32)
    who = drawn(-1, 3, queries), drawn(-1, 3, gallery), drawn(0, 2, queries), drawn(0, 2, gallery)
    expected = naive(distances, *who)
    if expected is None:
        with pytest.raises(ValueError, match="has a match in the gallery|is empty"):
            evaluate_distances(distances, *who)
    else:
        assert_equal(evaluate_distances(distances, *who), expected)


def test_hand_worked():
    # One query (pid 1, camera 0). In order of distance: distractor, match, same camera (dropped),
    # junk (dropped), another person, match. Ranks of the matches: 2 and 4 of 4 kept images.
    distances = np.array([[0.1, 0.2, 0.25, 0.27, 0.3, 0.4]])
    gallery_pids = np.array([0, 1, 1, -1, 5, 1])
    gallery_camids = np.array([0, 1, 0, 1, 0, 2])
    scores = evaluate_distances(
        distances, np.array([1]), gallery_pids, np.array([0]), gallery_camids
    )
    # Precision 1/2 and 2/4; one rank before, 0/1 and 1/3.
    assert scores == Scores(0.0, 1.0, 1.0, 0.5, pytest.approx((0.25 + 5 / 12) / 2), 1, 5, 0)
    # With the query's camera: ranks 2, 3, 5; precision one rank before, 0/1, 1/2, 2/4.
    scores = evaluate_distances(
        distances,
        np.array([1]),
        gallery_pids,
        np.array([0]),
        gallery_camids,
        drop_same_camera=False,
    )
    precision, before = [1 / 2, 2 / 3, 3 / 5], [0, 1 / 2, 2 / 4]
    assert scores.mAP == pytest.approx(np.mean(precision))
    assert scores.mAP_trapezoid == pytest.approx(np.mean(precision + before))


def test_trapezoid_starts_at_one():
    """The official code's old_precision starts at 1, so a match at rank 1 counts in full."""
    scores = evaluate_distances(np.array([[0.0, 1.0, 2.0]]), [1], [1, 2, 1], [0], [1, 1, 1])
    assert scores.mAP == pytest.approx((1 + 2 / 3) / 2)
    assert scores.mAP_trapezoid == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 2)


def test_equally_close_gallery_images_rank_in_the_gallery_s_order():
    distances = np.zeros((1, 3), np.float32)
    ranked_first = evaluate_distances(distances, [1], [1, 2, 3], [0], [1, 1, 1])
    ranked_last = evaluate_distances(distances, [1], [2, 3, 1], [0], [1, 1, 1])
    assert (ranked_first.mAP, ranked_last.mAP) == (1.0, pytest.approx(1 / 3))


def torchreid_scores(distances, query_pids, gallery_pids, query_camids, gallery_camids):
    """(rank1, rank5, rank10, mAP) of torchreid's Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchreid warns that its Cython evaluator is missing
        from torchreid.reid.metrics.rank import evaluate_rank
    kept = gallery_pids != -1  # torchreid's readers drop junk before they evaluate
    cmc, mean_precision = evaluate_rank(
        distances[:, kept],
        query_pids,
        gallery_pids[kept],
        query_camids,
        gallery_camids[kept],
        use_cython=False,
    )
    return cmc[0], cmc[4], cmc[9], mean_precision


@pytest.mark.parametrize("seed", range(3))
def test_equals_torchreid(seed):
    who = people(seed, 60, 400)
    distances = (
        np.random.default_rng(seed).permutation(60 * 400).reshape(60, 400).astype(np.float32)
    )  # no ties
    ours = evaluate_distances(distances, *who)
    assert (who[1] == 0).any() and (who[1] == -1).any()
    assert (ours.rank1, ours.rank5, ours.rank10, ours.mAP) == pytest.approx(
        torchreid_scores(distances, *who), abs=1e-7
    )


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(
    "spread", [0.2, 1.0, 5.0]
)  # of an identity's images around its centre; 5 is as good as random
def test_equals_torchreid_on_clustered_features(metric, spread):
    rng = np.random.default_rng(0)
    query_pids, gallery_pids, query_camids, gallery_camids = who = people(1, 80, 500, identities=30)
    centres, scenes = rng.normal(size=(32, 16)), 0.5 * rng.normal(size=(3, 16))
    query, gallery = (
        centres[pids] + scenes[camids] + spread * rng.normal(size=(len(pids), 16))
        for pids, camids in ((query_pids, query_camids), (gallery_pids, gallery_camids))
    )
    if metric == "cosine":
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery)]
        distances = 1 - unit[0] @ unit[1].T
    else:
        distances = np.linalg.norm(query[:, None] - gallery, axis=2)
    ours = evaluate(
        Retrieval(
            torch.from_numpy(query), torch.from_numpy(gallery), *map(torch.from_numpy, who), metric
        )
    )
    assert (ours.rank1, ours.rank5, ours.rank10, ours.mAP) == pytest.approx(
        torchreid_scores(distances, *who), abs=1e-6
    )


def test_a_junk_query_matches_nothing():
    with pytest.raises(ValueError, match="none of the 1 queries has a match"):
        evaluate_distances(np.zeros((1, 2)), [-1], [-1, 2], [0], [1, 1])


def test_queries_without_a_match_are_counted_and_left_out():
    distances = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    # Query 0 has a match; query 1's only image is by its own camera; query 2 has no gallery image.
    scores = evaluate_distances(distances, [1, 2, 3], [1, 2], [0, 0, 0], [1, 0])
    assert (scores.rank1, scores.num_queries, scores.skipped_queries) == (1.0, 3, 2)


def test_distractors_match_no_query():
    with pytest.raises(ValueError, match="none of the 1 queries has a match"):
        evaluate_distances(np.zeros((1, 2)), [0], [0, 0], [0], [1, 1])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_features_are_compared_by_the_metric_asked_for(metric):
    rng = np.random.default_rng(3)
    who = people(3)
    query, gallery = (
        rng.normal(size=(40, 6)),
        rng.normal(size=(150, 6)) * rng.uniform(0.5, 2, (150, 1)),
    )
    if metric == "cosine":
        query_unit, gallery_unit = (
            x / np.linalg.norm(x, axis=1, keepdims=True) for x in (query, gallery)
        )
        distances = 1 - query_unit @ gallery_unit.T
    else:
        distances = np.linalg.norm(query[:, None] - gallery[None], axis=2)
    scores = evaluate(
        Retrieval(
            torch.tensor(query), torch.tensor(gallery), *map(torch.tensor, who), metric=metric
        )
    )
    assert_equal(scores, naive(distances, *who))


def test_chunks_change_nothing(monkeypatch):
    who = list(map(torch.tensor, people(5)))
    retrieval = Retrieval(torch.randn(40, 6), torch.randn(150, 6), *who)
    whole = evaluate(retrieval)
    monkeypatch.setattr(evaluation, "CHUNK_BYTES", 150 * 4 * 3)  # three queries at a time
    assert_equal(evaluate(retrieval), whole)


def test_errors():
    who = [torch.tensor(row) for row in ([1, 1], [1, 1, 2], [0, 0], [1, 1, 1])]
    query_pids, gallery_pids, query_camids, gallery_camids = who
    none, other = torch.tensor([]), torch.tensor([0, 0, 0])
    query, gallery = torch.randn(2, 4), torch.randn(3, 4)
    whole = Retrieval(query, gallery, *who)

    def fails(message, **fields):
        with pytest.raises(ValueError, match=message):
            evaluate(dataclasses.replace(whole, **fields))

    fails(
        "the query set is empty",
        query_features=torch.empty(0, 4),
        query_pids=none,
        query_camids=none,
    )
    fails(
        "the gallery set is empty",
        gallery_features=torch.empty(0, 4),
        gallery_pids=none,
        gallery_camids=none,
    )
    fails("the gallery set is empty: all of its 3 images are junk", gallery_pids=other - 1)
    fails(
        r"none of the 2 queries has a match in the gallery \(same pid, another camera\)",
        gallery_camids=other,
    )
    fails("2 query images, but 1 query camids", query_camids=torch.tensor([0]))
    fails(r"query features must be \[images, numbers\], got \[4\]", query_features=query[0])
    fails("query features have 4 numbers, gallery features 5", gallery_features=torch.randn(3, 5))
    fails("unknown metric 'hamming'; expected euclidean or cosine", metric="hamming")
    for bad in (math.nan, math.inf):
        gallery[1, 2] = bad
        fails("1 of 3 rows of the gallery features are not finite, the first is row 1")
        with pytest.raises(ValueError, match="distances of queries 0 to 1 are not all finite"):
            evaluate_distances(np.array([[0, 1, 2], [0, bad, 1]]), *who)
    with pytest.raises(ValueError, match=r"distances must be \[queries, gallery\], got \[3\]"):
        evaluate_distances(np.zeros(3), *who)


def test_features_follow_the_model():
    images = coloured_people(3, 2, seed=0)
    model = build("inception", 3, PARAMS.network)
    model.train()
    embedding = features(model, images, (32, 16), "embedding", "float32")
    assert model.training
    model.eval()
    with torch.no_grad():
        expected = model(normalise(images.pixels))
        mirrored = model(normalise(images.pixels.flip(3)))
    assert (
        embedding.shape == (12, 32)
        and embedding.dtype == torch.float32
        and not embedding.requires_grad
    )
    torch.testing.assert_close(embedding, expected.embedding, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        features(model, images, (32, 16), "logits", "float32"),
        expected.logits,
        rtol=1e-4,
        atol=1e-5,
    )
    both = features(model, images, (32, 16), "embedding", "float32", flip=True)
    torch.testing.assert_close(
        both, (expected.embedding + mirrored.embedding) / 2, rtol=1e-4, atol=1e-5
    )


def test_score_uses_the_params():
    images = coloured_people(3, 2, seed=0)
    model = build("inception", 3, PARAMS.network)
    params = dataclasses.replace(PARAMS, features="logits", metric="cosine")
    logits = features(model, images, (32, 16), "logits", params.precision)
    who = images.pids, images.pids, images.camids, images.camids
    expected = evaluate(Retrieval(logits, logits, *who, "cosine"))
    assert score(model, images, images, params) == expected


@pytest.mark.parametrize("drop_same_camera", [True, False])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_rankings_are_those_that_mAP_is_the_mean_of(metric, drop_same_camera):
    rng = np.random.default_rng(3)
    query_pids, gallery_pids, query_camids, gallery_camids = (
        torch.from_numpy(one) for one in people(3)
    )
    query = torch.from_numpy(rng.normal(size=(40, 4))).float()
    gallery = torch.from_numpy(
        rng.integers(-2, 3, size=(150, 4))
    ).float()  # many of the same distance
    who = query_pids, gallery_pids, query_camids, gallery_camids
    retrieval = Retrieval(query, gallery, *who, metric, drop_same_camera)
    found = rankings(retrieval, np.arange(40), top=10)
    scores = evaluate(retrieval)
    assert len(found) == scores.num_queries - scores.skipped_queries
    assert np.mean([one.average_precision for one in found]) == pytest.approx(scores.mAP, abs=1e-6)
    assert np.mean([one.hits[0] for one in found]) == pytest.approx(scores.rank1)
    for one in found:
        same = gallery_pids[one.gallery] == query_pids[one.query]
        assert (one.hits == same.numpy()).all() and len(one.gallery) == 10
        assert (gallery_pids[one.gallery] != -1).all()
        dropped = (same & (gallery_camids[one.gallery] == query_camids[one.query])).any()
        assert not (drop_same_camera and dropped)


def test_rankings_of_some_queries_leave_out_those_without_a_match():
    pids, camids = torch.tensor([1, 2, 3]), torch.tensor([0, 0, 0])
    points = torch.tensor([[0.0], [1.0], [5.0]])
    gallery = torch.tensor([[0.1], [4.0], [4.9], [0.2]])
    retrieval = Retrieval(
        points,
        gallery,
        pids,
        torch.tensor([2, 3, 0, 1]),
        camids,
        torch.tensor([1, 1, 1, 1]),
    )
    (third,) = rankings(retrieval, np.array([2]), top=3)
    assert third.gallery.tolist() == [2, 1, 3] and third.hits.tolist() == [False, True, False]
    assert third.average_precision == 0.5
    alone = dataclasses.replace(retrieval, gallery_pids=torch.tensor([2, 9, 0, 1]))
    assert [ranking.query for ranking in rankings(alone, np.array([0, 2]), top=3)] == [0]
