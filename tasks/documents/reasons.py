"""Why a record is refused, in words, and how much of it is kept."""

from __future__ import annotations

QUARANTINE_BYTES = 4096  # of a refused record

REASONS = {
    "undecodable": "bytes that are not text in the declared encoding",
    "empty": "nothing but white space, or a missing value",
    "nul": "a NUL character in the text or label",
    "surrogate": "half a surrogate pair, which no encoding can write",
    "too_long": "more characters than max_chars, or more bytes than such a record can have",
    "unknown_label": "a label that is not accepted, or a number without a name",
    "label_not_a_number": "a label that is not a number, where label_bins makes classes of numbers",
    "missing_label": "a row of the test split, or of validation rows of your own, without a label",
    "malformed_row": "a line that does not have the table's form",
    "header": "a line that repeats the table's header",
    "several_labels": "a line with more than one label",
    "binary": "a file that is not text, such as an image or a spreadsheet",
    "link": "a symbolic or hard link; never followed",
    "special": "a device, pipe, socket or sparse file",
    "unreadable": "a file, folder or member that could not be read",
    "unsafe_name": "a member of an archive with an absolute name or .. in it",
    "forgotten": "a text that was forgotten on request; its bytes are not kept",
    "repeated_name": "a member of an archive whose name came before",
}
