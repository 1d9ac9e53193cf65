"""The sentiment towards each name in a text, not the text's."""
