"""Language models of one's own: a vocabulary, a GPT-2 network on blocks of text, what it costs in bits, and its package."""
