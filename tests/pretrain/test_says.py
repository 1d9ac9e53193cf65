"""How pretrain is shown."""

from tasks.pretrain.says import points_of
from tasks.store.presentation import Point


def test_pretraining_has_its_curves_by_words() -> None:
    found = list(points_of({"words": [10, 20], "loss": [3.0, 2.0], "learning_rate": [0.05, 0.02]}))
    assert found[:2] == [Point("pretrain/loss", 10, 3.0), Point("pretrain/loss", 20, 2.0)]
    assert [point.value for point in found[2:]] == [0.05, 0.02]
