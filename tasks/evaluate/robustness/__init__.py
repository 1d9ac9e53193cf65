"""How a model does on the test texts once they are changed: misspelled, in capitals, with other names ..."""
