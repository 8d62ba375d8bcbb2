"""Who may do what: one policy for every endpoint. It knows callers, and nothing of HTTP.

The table is in docs/security.md. What a caller may not read looks exactly like what does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from django.conf import settings


class Action(Enum):
    """What the policy decides on."""

    PUBLISH = "publish for anyone"
    PUBLISH_OWN = "publish for oneself"
    READ_MOVIES = "read a movie's totals, retention, series and the top lists"
    READ_VIEWERS = "read any viewer's totals, pairs, events and series; list viewers and all events"
    READ_SELF = "read one's own totals, pairs, events and series"
    CHANGE_MOVIES = "change a movie's title and duration"
    ERASE_VIEWERS = "erase a viewer"


class Kind(Enum):
    """What a caller is."""

    ANONYMOUS = "anonymous"
    SERVICE = "service"
    VIEWER = "viewer"
    ACCOUNT = "account"


PUBLISH_SCOPE = "events:publish"
READ_SCOPE = "totals:read"
VIEWER_SCOPE = "viewer"
PUBLISH_OWN_SCOPE = "events:publish:own"

SERVICES_MAY = {
    PUBLISH_SCOPE: {Action.PUBLISH},
    READ_SCOPE: {Action.READ_MOVIES, Action.READ_VIEWERS},
}
VIEWERS_MAY = {
    VIEWER_SCOPE: {Action.READ_MOVIES, Action.READ_SELF},
    PUBLISH_OWN_SCOPE: {Action.PUBLISH_OWN},
}
# By Django's permissions; a superuser has them all.
ACCOUNTS_MAY = {
    "watchtime.publish_event": {Action.PUBLISH},
    "watchtime.read_totals": {Action.READ_MOVIES, Action.READ_VIEWERS},
}
# Who changes a movie reads of it, too: the admin's page of a movie and the answer of `updateMovie` show it.
STAFF_MAY = {
    "watchtime.change_movie": {Action.CHANGE_MOVIES, Action.READ_MOVIES},
    "watchtime.delete_customuser": {Action.ERASE_VIEWERS},
}
PERMISSIONS = (*ACCOUNTS_MAY, *STAFF_MAY)  # of Django's, all that the policy looks at


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone who asks. `name` is a viewer's username, an account's or a service's name, empty when anonymous."""

    kind: Kind
    name: str
    actions: frozenset[Action]

    @property
    def viewer(self) -> str | None:
        """The caller's own username; None when the caller is no viewer."""
        return self.name if self.kind is Kind.VIEWER else None

    def may(self, action: Action) -> bool:
        return action in self.actions

    def may_publish_for(self, username: str) -> bool:
        return Action.PUBLISH in self.actions or (Action.PUBLISH_OWN in self.actions and username == self.viewer)

    def may_publish(self) -> bool:
        """Tell whether there is anyone whom the caller may publish for."""
        return not self.actions.isdisjoint({Action.PUBLISH, Action.PUBLISH_OWN})

    def may_read_movies(self) -> bool:
        return Action.READ_MOVIES in self.actions

    def may_read_viewer(self, username: str) -> bool:
        return Action.READ_VIEWERS in self.actions or (Action.READ_SELF in self.actions and username == self.viewer)

    def may_read_viewers(self) -> bool:
        """Tell whether the caller may list viewers and the events of all."""
        return Action.READ_VIEWERS in self.actions

    def may_change_movies(self) -> bool:
        return Action.CHANGE_MOVIES in self.actions

    def may_erase_viewers(self) -> bool:
        return Action.ERASE_VIEWERS in self.actions

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}".strip()


def _granted(grants: dict[str, set[Action]], names: Iterable[str]) -> frozenset[Action]:
    return frozenset().union(*(grants[name] for name in names if name in grants))


CLOSED = Caller(Kind.ANONYMOUS, "", frozenset())
OPEN = Caller(Kind.ANONYMOUS, "", _granted(SERVICES_MAY, SERVICES_MAY))


def anonymous() -> Caller:
    """Return the caller without credentials, who may do nothing unless ALLOW_ANONYMOUS is true."""
    return OPEN if settings.ALLOW_ANONYMOUS else CLOSED


def token_caller(subject: str, scopes: Iterable[str]) -> Caller:
    """Return the caller of a token: a viewer when it has the scope `viewer`, else a service."""
    scopes = frozenset(scopes)
    actions = _granted(SERVICES_MAY, scopes)
    if VIEWER_SCOPE in scopes:
        return Caller(Kind.VIEWER, subject, actions | _granted(VIEWERS_MAY, scopes))
    return Caller(Kind.SERVICE, subject, actions)


def account_caller(username: str, permissions: Iterable[str], *, is_staff: bool) -> Caller:
    """Return the caller of an account that has these of Django's permissions, as `app_label.codename`."""
    permissions = frozenset(permissions)
    actions = _granted(ACCOUNTS_MAY, permissions)
    return Caller(Kind.ACCOUNT, username, actions | _granted(STAFF_MAY, permissions) if is_staff else actions)
