"""How sure a model may be: what it promises about its answers, which labels are probably wrong, what errors cost."""
