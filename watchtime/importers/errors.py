"""What can be wrong with a source."""


class ImportFailed(Exception):
    """The file as a whole cannot be imported; the message says why, and what helps."""


class LeftOut(Exception):
    """A row that gives no event; the message says why, in words that other such rows share."""
