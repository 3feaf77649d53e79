import torch

from reid.heads import BNNeck, CosineClassifier, LinearHead, bnneck

POOLED = torch.randn(16, 24, generator=torch.Generator().manual_seed(0)) * 3 + 1


def test_linear_head_is_open_reids():
    head = LinearHead(24, 7, embedding=8, dropout=0.5).eval()
    pooled, embedding, logits = head(POOLED)
    expected = (
        POOLED @ head.embedding.weight.T / (1 + head.norm.eps) ** 0.5
    )  # untrained norm: mean 0, variance 1
    assert pooled is POOLED
    torch.testing.assert_close(embedding, expected)
    torch.testing.assert_close(logits, expected.clamp(min=0) @ head.classifier.weight.T)
    head.train()
    with torch.no_grad():
        head.classifier.weight.fill_(1.0)
    trained = torch.stack([head(POOLED).logits for _ in range(2000)]).mean(
        0
    )  # dropout keeps the mean
    torch.testing.assert_close(
        trained,
        head(POOLED).embedding.relu().sum(1, keepdim=True).expand(-1, 7),
        rtol=0.1,
        atol=0.3,
    )


def test_bnneck_normalises_before_a_classifier_without_bias():
    head = bnneck(24, 7, cosine=False)
    pooled, embedding, logits = head(POOLED)
    expected = (POOLED - POOLED.mean(0)) / (POOLED.var(0, correction=0) + head.norm.eps).sqrt()
    assert pooled is POOLED
    torch.testing.assert_close(embedding, expected)
    torch.testing.assert_close(logits, expected @ head.classifier.weight.T)
    assert {name for name, _ in head.named_parameters()} == {
        "norm.weight",
        "norm.bias",
        "classifier.weight",
    }


def test_bnneck_s_shift_stays_zero():
    head = bnneck(24, 7, cosine=False)
    optimiser = torch.optim.SGD(head.parameters(), lr=1.0, weight_decay=0.1)
    head(POOLED).logits[:, 0].sum().backward()
    optimiser.step()
    assert not head.norm.bias.any() and head.classifier.weight.grad.any()


def test_cosines_are_cosines_in_float32_under_autocast():
    head = BNNeck(24, CosineClassifier(24, 7))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, embedding, logits = head(POOLED)
    assert logits.dtype == torch.float32
    expected = torch.nn.functional.cosine_similarity(
        embedding.double()[:, None], head.classifier.weight.double(), dim=2
    )
    torch.testing.assert_close(logits.double(), expected, rtol=0, atol=1e-6)
