"""The command `textmill`.

    main                      the table of verbs, and the exit codes
    train, predict, ...       a file for each verb, or for each group of them: what it checks, calls and prints
    options, printing         the options, and the ways to print, that verbs share
    settings, named           arguments, environment and TOML become a configuration; names of models and monitors
    knobs_help, readme        the knobs, as help and in the README
    run_flow                  runs a flow on a Prefect server
    registry                  the registered models that a verb asks for
    health, try_channel       what `doctor` checks, and what `notify test` sends
    streams                   standard streams, whatever terminal, locale and pipe

`textmill --help` is to be quick: the modules that main imports import no heavy library before a verb is called.
"""
