"""Usernames and slugs for what other systems call otherwise.

Both rules are stable: the same name gives the same result in every import, whatever else is known.
Both keep different names apart: a result that does not spell its name in full ends with a hash of it.
"""

import hashlib
import re
import unicodedata

from django.utils.text import slugify
from pydantic import TypeAdapter, ValidationError

from watchtime.events import INVISIBLE_LETTERS, NewUsername
from watchtime.importers.errors import LeftOut
from watchtime.models import MAX_SLUG_LENGTH, MAX_USERNAME_LENGTH

HASH_LENGTH = 12  # hexadecimal digits, 48 bits
_USERNAME = TypeAdapter(NewUsername)
_NOT_IN_USERNAMES = re.compile(rf"(?:[^\w.@+-]|[{''.join(INVISIBLE_LETTERS)}])+")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")  # what no database stores
_PLAIN_TITLE = re.compile(r"(?:[A-Z][a-z]*|[0-9]+)(?: (?:[A-Z][a-z]*|[0-9]+))*")
_MADE_USERNAME = re.compile(rf".*\+[0-9a-f]{{{HASH_LENGTH}}}")
_MADE_SLUG = re.compile(rf"(?:.*-)?[0-9a-f]{{{HASH_LENGTH}}}")


def clean(text: str) -> str:
    """Return a text in Unicode's normal form C, with one space between its words. Raises LeftOut."""
    if _UNUSABLE.search(text):
        raise LeftOut("a text that is not valid Unicode")
    return " ".join(unicodedata.normalize("NFC", text).split())


def username_of(name: str) -> str:
    """Return the viewer's username for a name of the source.

    What the event contract takes stays as it is, unless it ends as a name made here does. In any
    other each run of characters that a username cannot have becomes `_`, and `+` and the hash follow.
    """
    name = clean(name)
    if _is_username(name) and not _MADE_USERNAME.fullmatch(name):
        return name
    readable = _NOT_IN_USERNAMES.sub("_", unicodedata.normalize("NFKC", name))
    readable = readable[: MAX_USERNAME_LENGTH - HASH_LENGTH - 1]
    return f"{readable}+{_hash(name)}"


def _is_username(name: str) -> bool:
    try:
        _USERNAME.validate_python(name)
    except ValidationError:
        return False
    return True


def slug_of(title: str, identity: str | None = None) -> str:
    """Return the slug of a movie that the source knows by its title, or by an identity beside it.

    A title of capitalized ASCII words and numbers is its slug in small letters: "Blade Runner
    2049" is `blade-runner-2049`. Any other slug is what is readable of the title, and a hash of
    the whole: no two titles share one, also where they differ in case or punctuation only.
    """
    title = clean(title)
    plain = title.lower().replace(" ", "-")
    if (
        identity is None
        and _PLAIN_TITLE.fullmatch(title)
        and len(plain) <= MAX_SLUG_LENGTH
        and not _MADE_SLUG.fullmatch(plain)
    ):
        return plain
    readable = slugify(title)[: MAX_SLUG_LENGTH - HASH_LENGTH - 1].strip("-_")
    return f"{readable or 'movie'}-{_hash(title if identity is None else identity)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]
