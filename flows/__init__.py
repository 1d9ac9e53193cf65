"""The flows, the command that starts them, and the servers that they need.

train, refresh, watch     the flows: each reads from top to bottom as its DAG
settled, split            what train decides before its steps: the kind of model, the tokenizer, and how rows are split
retrain                   what refresh asks for on drift: a run of train
record, killed            the record of a run, and that of a run whose process was killed
display                   the progress of a run on a terminal
presets/                  named configurations
commands/                 `textmill`, a file for each verb
servers/                  keeping servers and schedules alive
"""
