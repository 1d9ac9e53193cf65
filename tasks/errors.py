"""The errors that are shown as one line, without a traceback."""


class RequestError(Exception):
    """The request or its input is wrong; the message is one line that names the value and the remedy (exit code 2)."""


class UnavailableError(Exception):
    """Something the run needs does not work, and the request is not to blame: a server, a disk (exit code 1)."""
