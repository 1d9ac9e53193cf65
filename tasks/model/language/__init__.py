"""A language model as it is served: text to pieces, what texts cost in bits, and text that goes on."""
