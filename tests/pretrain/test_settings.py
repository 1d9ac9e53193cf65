"""What is written down of the section."""

from __future__ import annotations

from tasks.pretrain.settings import PretrainConfig


def test_what_was_set_alone_is_dumped_too() -> None:
    assert PretrainConfig(dim=8).model_dump(exclude_unset=True) == {"dim": 8}
    assert PretrainConfig().model_dump(exclude_defaults=True) == {}
    assert "kind" not in PretrainConfig().model_dump()
    assert PretrainConfig(kind="masked").model_dump(exclude_unset=True) == {"kind": "masked"}
