"""The one error that is the user's to mend."""


class RequestError(Exception):
    """The request or its input is wrong; the message is one line that names the value and the remedy (exit code 2)."""
