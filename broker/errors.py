"""The errors of the broker package. Callers never see those of a client library."""

from collections.abc import Iterator
from contextlib import contextmanager

ONE_READER = "another command reads the dead letters, or was killed a moment ago; try again later"


class BrokerError(Exception):
    """Something went wrong between us and the broker.

    `may_be_stored` says whether messages that were being published may be stored all the same.
    """

    may_be_stored = False


class BrokerUnavailable(BrokerError):
    """The broker did not say, or not in time, that it stored the messages.

    They may be stored all the same: publish them again, with the same ids.
    """

    may_be_stored = True


class NothingStored(BrokerUnavailable):
    """The broker was not reached, or said no: none of the messages is stored."""

    may_be_stored = False


@contextmanager
def nothing_stored() -> Iterator[None]:
    """Raise NothingStored for each BrokerUnavailable: what fails in the block fails before anything is sent."""
    try:
        yield
    except BrokerUnavailable as error:
        raise NothingStored(str(error)) from error


class BrokerMisconfigured(BrokerError):
    """The broker cannot work as it is set up. Waiting does not help; the message says what does."""


class TryAgain(BrokerError):
    """Raised by a consumer's `save`: the deliveries are good, but cannot be saved now."""


def describe(error: BaseException) -> str:
    """Return an error of any library as one line: its type, and the first line of what it says."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
