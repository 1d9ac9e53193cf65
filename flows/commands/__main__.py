"""Run `textmill` as a module: python -m flows.commands."""

from flows.commands.main import main

main()
