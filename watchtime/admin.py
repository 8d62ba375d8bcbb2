"""The admin. The ledger and every total are only read here: the fold alone writes them.

Each page costs about the same on a table of any size: it counts no more
rows than it lists, and searches through an index, except for the beginning of a name.
"""

from typing import Any, ClassVar, cast
from urllib.parse import quote, urlencode
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html

from watchtime import audit
from watchtime.events import why_no_new_username
from watchtime.models import CustomUser, Event, Movie, WatchTime

MAX_LISTED = 10_000

admin.site.site_header = admin.site.site_title = "Watch time"
admin.site.index_title = "Viewers, movies and what was watched"


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Lists and counts the first MAX_LISTED rows only; those further down are found by a search."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, MAX_LISTED where there are more."""
        return cast("QuerySet[Any]", self.object_list)[:MAX_LISTED].count()


class Audited(admin.ModelAdmin):  # type: ignore[type-arg]
    """Writes a line of the audit log for what is added, changed and deleted, beside the admin's own history."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Note that a row was added."""
        _audit(request, "added", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Note that a row was changed. The message names fields, and no values."""
        _audit(request, "changed", obj, message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Note that rows are about to be deleted."""
        for row in queryset:
            _audit(request, "deleted", row)
        return super().log_deletions(request, queryset)


def _audit(request: HttpRequest, what: str, row: Model, message: Any = None) -> None:
    who, kind, name = f"account {request.user.get_username()}", row._meta.label_lower, str(row)
    details = {"model": kind, "name": name} | ({"message": message} if message else {})
    transaction.on_commit(lambda: audit.record(who, f"admin {what}", **details))


class AccountAdmin(Audited, UserAdmin):  # type: ignore[type-arg]
    """Accounts: people who work here, and old clients.

    Who may change accounts could otherwise make themselves superusers: give their own account rights, take a
    superuser's password, or add rights to a group of theirs. So others than superusers only make accounts without
    any rights, and change the names of such.
    """

    rights = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what is shown alone: rights and the password, for others than superusers."""
        shown = tuple(super().get_readonly_fields(request, obj))
        return shown if request.user.is_superuser else (*shown, *self.rights, "password", "last_login", "date_joined")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out the password, which a page that only shows it shows as it is stored, for others than superusers."""
        fieldsets = super().get_fieldsets(request, obj)
        if request.user.is_superuser or obj is None:
            return fieldsets
        return [
            (name, {**options, "fields": [field for field in options["fields"] if field != "password"]})
            for name, options in fieldsets
        ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let others than superusers leave accounts alone that have rights."""
        allowed = request.user.is_superuser or obj is None or not _has_rights(obj)
        return allowed and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers alone delete accounts."""
        return request.user.is_superuser and super().has_delete_permission(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        """Let superusers alone change other people's passwords; everybody has a page for their own."""
        if not request.user.is_superuser:
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)


def _has_rights(account: User) -> bool:
    """Say whether an account has rights, or would have when it becomes active again."""
    given = account.user_permissions.exists() or account.groups.filter(permissions__isnull=False).exists()
    return account.is_staff or account.is_superuser or given


class RightsAdmin(Audited, GroupAdmin):
    """Groups: their rights are everybody's who is in them, so superusers alone change them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser


admin.site.unregister([User, Group])
admin.site.register(User, AccountAdmin)
admin.site.register(Group, RightsAdmin)


class LargeTableAdmin(Audited):
    """The latest rows first, with nothing on a page that reads the whole table."""

    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0


class NamedAdmin(LargeTableAdmin):
    """A viewer or a movie. Its name stays what the events call it, and one with events stays."""

    name: str
    page: str  # of the dashboard
    shown_there: str

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["total_watch_time", "dashboard_link", "events_link", *([self.name] if obj else [])]

    @admin.display(description="On the dashboard")
    def dashboard_link(self, row: Any) -> str:
        """Return a link to the row's page of the dashboard."""
        if row.pk is None:
            return "-"
        page = self.page.format(quote(getattr(row, self.name), safe=""))
        return format_html('<a href="{}">{}</a>', page, self.shown_there)

    @admin.display(description="Events")
    def events_link(self, row: Any) -> str:
        """Return a link to the row's events."""
        if row.pk is None:
            return "-"
        events = f"{reverse('admin:watchtime_event_changelist')}?{urlencode({'q': getattr(row, self.name)})}"
        return format_html('<a href="{}">Events</a>', events)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The page that asks for confirmation would list every event of it.
        return obj is not None and not obj.events.exists() and super().has_delete_permission(request, obj)


class ViewerForm(ModelForm):  # type: ignore[type-arg]
    """A viewer's name is the same here as in an event."""

    def clean_username(self) -> str:
        """Return the name. Raises ValidationError for one that no event can have."""
        username: str = self.cleaned_data["username"]
        if problem := why_no_new_username(username):
            raise ValidationError(problem)
        return username


@admin.register(CustomUser)
class CustomUserAdmin(NamedAdmin):
    """Viewers. The accounts of people who work here are Django's own users."""

    form = ViewerForm
    name = "username"
    page, shown_there = "/#/viewer/{}", "What was watched"
    fields = ("username", "total_watch_time", "events_link", "dashboard_link")
    list_display = ("username", "total_watch_time", "events_link", "dashboard_link")
    sortable_by = ("username", "total_watch_time")
    search_fields = ("username__startswith",)
    search_help_text = "The beginning of a username"


class ChangedRows(BaseModelFormSet):  # type: ignore[type-arg]
    """The rows of an editable list. Those that nobody changed are not validated: that takes statements for each."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Add the fields that every row has."""
        super().add_fields(form, index)
        form.empty_permitted = True


@admin.register(Movie)
class MovieAdmin(NamedAdmin):
    """Movies: titles and durations are given here, many at once in the list."""

    name = "slug"
    page, shown_there = "/#/movie/{}", "Curve"
    fields = ("title", "slug", "duration_seconds", "total_watch_time", "events_link", "dashboard_link")
    list_display = ("slug", "title", "duration_seconds", "total_watch_time", "events_link", "dashboard_link")
    list_editable = ("title", "duration_seconds")

    def get_changelist_formset(self, request: HttpRequest, **options: Any) -> Any:
        """Return the class of the list's form."""
        return super().get_changelist_formset(request, formset=ChangedRows, **options)

    sortable_by = ("slug", "total_watch_time")
    search_fields = ("slug__startswith",)
    search_help_text = "The beginning of a slug"


class ReadOnlyAdmin(LargeTableAdmin):
    """Rows of viewers and movies, only to be read, and found by a viewer's or a movie's full name."""

    list_select_related = ("user", "movie")
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the rows of the viewer of this name, else of the movie.

        Looked up first: with both conditions in one query, no index would do.
        """
        if search_term:
            user = CustomUser.objects.filter(username=search_term).values_list("pk").first()
            movie = Movie.objects.filter(slug=search_term).values_list("pk").first()
            queryset = queryset.filter(user=user[0]) if user else queryset.filter(movie=movie[0] if movie else None)
        return queryset, False


@admin.register(WatchTime)
class WatchTimeAdmin(ReadOnlyAdmin):
    """What each viewer watched of each movie."""

    list_display = ("user", "movie", "total", "last_moment")
    search_fields = ("user",)
    search_help_text = "A username or a movie's slug"


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The ledger."""

    ordering = ("-occurred_at", "-pk")
    list_display = ("event_id", "user", "movie", "start", "at", "occurred_at", "received_at")
    search_fields = ("event_id",)
    search_help_text = "An event's id, a username or a movie's slug"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return the events of an id, which viewers may share, else those of the viewer or movie of this name."""
        try:
            event_id = UUID(search_term)
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        # Looked up once: the list would go through the whole index of ids for its rows, and again for their number.
        found = Event.objects.filter(event_id=event_id).values_list("pk", flat=True)[:MAX_LISTED]
        return queryset.filter(pk__in=list(found)), False
