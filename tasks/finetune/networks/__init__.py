"""The networks that read words: what `mean`, `cnn` and `bilstm` share."""
