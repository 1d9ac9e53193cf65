"""The tokenizers, each a module of its name that defines TOKENIZER; tasks/prepare/tokenizers.py is their table."""
