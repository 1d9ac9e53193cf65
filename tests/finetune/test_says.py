"""How finetune is shown."""

from tasks.finetune.says import points_of


def test_each_member_has_the_figures_that_its_epochs_have() -> None:
    epoch = {"number": 1, "train_loss": 0.5, "learning_rate": 0.01, "valid_loss": None, "adversarial_loss": None}
    found = list(points_of({"cnn": [epoch, epoch | {"number": 2, "valid_loss": 0.4}], "cnn#2": [epoch], "tfidf": []}))
    assert {(point.curve, point.at) for point in found} == {
        *((f"finetune/cnn/{figure}", number) for figure in ("train_loss", "learning_rate") for number in (1, 2)),
        ("finetune/cnn/valid_loss", 2),
        ("finetune/cnn#2/train_loss", 1),
        ("finetune/cnn#2/learning_rate", 1),
    }
