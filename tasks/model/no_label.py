"""Why a text gets no label."""

NO_TOKENS = "empty_after_cleaning"
NO_KNOWN_WORD = "no_known_word"
