from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from watchtime import admin as watchtime_admin
from watchtime.models import CustomUser, Event, Movie, WatchTime

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
MODELS = (CustomUser, Movie, WatchTime, Event)
PAGE_QUERIES = 8  # the session and the staff member (2), the page's rows, what it counts, and names


def url(model, page, *args):
    return reverse(f"admin:watchtime_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def rows():
    """Make 30 pairs of a viewer and a movie, each with an event; return the last row of each model."""
    users = [CustomUser.objects.create(username=f"viewer-{n}", total_watch_time=5) for n in range(30)]
    movies = [Movie.objects.create(slug=f"movie-{n}", total_watch_time=5) for n in range(30)]
    pairs = list(zip(users, movies, strict=True))
    watched = [WatchTime.objects.create(user=user, movie=movie, last_moment=5, total=5) for user, movie in pairs]
    events = [
        Event.objects.create(event_id=uuid4(), user=user, movie=movie, start=0, at=5, occurred_at=NOW, received_at=NOW)
        for user, movie in pairs
    ]
    return {CustomUser: users[-1], Movie: movies[-1], WatchTime: watched[-1], Event: events[-1]}


def results(response):
    return list(response.context["cl"].result_list)


@pytest.mark.parametrize("model", MODELS)
class TestEveryModel:
    def test_pages_load_in_few_queries(self, admin_client, rows, model):
        for address in (url(model, "changelist"), url(model, "change", rows[model].pk), url(model, "history", 1)):
            admin_client.get(address)  # warms caches of content types
            with CaptureQueriesContext(
                connection,
            ) as queries:
                response = admin_client.get(address, follow=True)
            assert response.status_code == 200
            assert len(queries) <= PAGE_QUERIES, [query["sql"] for query in queries]

    def test_list_is_newest_first(self, admin_client, rows, model):
        listed = results(admin_client.get(url(model, "changelist")))
        assert [row.pk for row in listed] == sorted((row.pk for row in listed), reverse=True)

    def test_nothing_counts_the_table(self, admin_client, rows, model):
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(url(model, "changelist"))
        counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
        assert len(counts) == 1
        assert f"LIMIT {watchtime_admin.MAX_LISTED}" in counts[0]

    def test_counts_no_further_than_it_lists(self, admin_client, rows, model, monkeypatch):
        monkeypatch.setattr(watchtime_admin, "MAX_LISTED", 20)
        monkeypatch.setattr(watchtime_admin.LargeTableAdmin, "list_per_page", 10)
        response = admin_client.get(url(model, "changelist"), {"p": 2})
        assert len(results(response)) == 10
        assert response.context["cl"].result_count == 20
        assert response.context["cl"].paginator.num_pages == 2

    def test_no_query_for_each_row(self, admin_client, rows, model):
        def queries():
            with CaptureQueriesContext(connection) as captured:
                admin_client.get(url(model, "changelist"))
            return len(captured)

        many = queries()
        for table in (Event, WatchTime):
            table.objects.filter(pk__gt=table.objects.earliest("pk").pk).delete()
        assert queries() == many

    def test_strangers_are_sent_to_the_login(self, client, rows, model):
        response = client.get(url(model, "changelist"))
        assert response.status_code == 302
        assert "/admin/login/" in response["Location"]


@pytest.mark.parametrize("model", [WatchTime, Event])
class TestReadOnly:
    def test_no_add_change_or_delete(self, admin_client, rows, model):
        row = rows[model]
        assert admin_client.get(url(model, "add")).status_code == 403
        assert admin_client.post(url(model, "change", row.pk), {"at": 1, "total": 1}).status_code == 403
        assert admin_client.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        bulk = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
        admin_client.post(url(model, "changelist"), bulk)
        assert model.objects.filter(pk=row.pk).exists()

    def test_page_has_nothing_to_send(self, admin_client, rows, model):
        page = admin_client.get(url(model, "change", rows[model].pk)).content
        assert b'name="_save"' not in page
        assert b"deletelink" not in page

    @pytest.mark.parametrize("term", ["viewer-29", "movie-29"])
    def test_search_by_name(self, admin_client, rows, model, term):
        assert results(admin_client.get(url(model, "changelist"), {"q": term})) == [rows[model]]

    @pytest.mark.parametrize("term", ["viewer", "VIEWER-29", "nothing", "'", "\u0000", "\U0001f600"])
    def test_search_that_finds_nothing(self, admin_client, rows, model, term):
        response = admin_client.get(url(model, "changelist"), {"q": term})
        assert response.status_code == 200
        assert results(response) == [] or term == "\0"

    def test_search_is_by_index(self, admin_client, rows, model):
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(url(model, "changelist"), {"q": "viewer-29"})
        assert not any("LIKE" in query["sql"] or "UPPER" in query["sql"] for query in queries)


def test_events_are_in_the_order_of_watching(admin_client, rows):
    Event.objects.filter(pk=rows[Event].pk).update(occurred_at=NOW - timedelta(days=1))
    assert results(admin_client.get(url(Event, "changelist")))[-1] == rows[Event]


def test_event_search_by_id(admin_client, rows):
    for term in (str(rows[Event].event_id), rows[Event].event_id.hex):
        assert results(admin_client.get(url(Event, "changelist"), {"q": term})) == [rows[Event]]
    assert results(admin_client.get(url(Event, "changelist"), {"q": str(uuid4())})) == []


@pytest.mark.parametrize(("model", "term"), [(CustomUser, "viewer-2"), (Movie, "movie-2")])
def test_search_by_beginning(admin_client, rows, model, term):
    with CaptureQueriesContext(connection) as queries:
        found = results(admin_client.get(url(model, "changelist"), {"q": term}))
    assert len(found) == 11
    assert not any("UPPER" in query["sql"] for query in queries)
    assert results(admin_client.get(url(model, "changelist"), {"q": term[1:]})) == []


@pytest.mark.parametrize("order", ["1", "-1", "2", "-2"])
@pytest.mark.parametrize("model", [CustomUser, Movie])
def test_sorting(admin_client, rows, model, order):
    assert admin_client.get(url(model, "changelist"), {"o": order}).status_code == 200


class TestMovies:
    def test_title_is_given_and_slug_stays(self, admin_client, rows):
        movie = rows[Movie]
        response = admin_client.post(
            url(Movie, "change", movie.pk), {"title": "Heat", "slug": "other", "total_watch_time": 9}
        )
        assert response.status_code == 302
        movie.refresh_from_db()
        assert (movie.title, movie.slug, movie.total_watch_time) == ("Heat", "movie-29", 5)

    def test_titles_and_durations_in_the_list(self, admin_client, rows):
        listed = results(admin_client.get(url(Movie, "changelist")))
        edited = edit(listed, [("Heat", 10_200)])
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.post(url(Movie, "changelist"), edited).status_code == 302
        first, second = (Movie.objects.get(pk=movie.pk) for movie in listed[:2])
        assert (first.title, first.duration_seconds, first.total_watch_time) == ("Heat", 10_200, 5)
        assert (second.title, second.duration_seconds) == ("", None)
        assert len(queries) <= 20

    @pytest.mark.parametrize("duration", ["0", "-1", "86401", "long"])
    def test_a_duration_that_cannot_be(self, admin_client, rows, duration):
        listed = results(admin_client.get(url(Movie, "changelist")))
        response = admin_client.post(url(Movie, "changelist"), edit(listed, [("Heat", duration)]))
        assert response.status_code == 200
        assert b"errornote" in response.content
        assert Movie.objects.get(pk=listed[0].pk).duration_seconds is None

    @pytest.mark.parametrize("page", ["changelist", "change"])
    def test_links_to_the_curve_and_the_events(self, admin_client, rows, page):
        content = admin_client.get(url(Movie, page, *([rows[Movie].pk] if page == "change" else []))).content.decode()
        assert '<a href="/#/movie/movie-29">Curve</a>' in content
        assert '<a href="/admin/watchtime/event/?q=movie-29">Events</a>' in content

    def test_add(self, admin_client):
        admin_client.post(url(Movie, "add"), {"title": "Heat", "slug": "heat", "total_watch_time": 9})
        assert Movie.objects.get().total_watch_time == 0
        assert Movie.objects.get().slug == "heat"

    def test_delete_only_without_events(self, admin_client, rows):
        unseen = Movie.objects.create(slug="unseen")
        assert admin_client.post(url(Movie, "delete", rows[Movie].pk), {"post": "yes"}).status_code == 403
        assert admin_client.post(url(Movie, "delete", unseen.pk), {"post": "yes"}).status_code == 302
        assert not Movie.objects.filter(slug="unseen").exists()


def edit(movies, values):
    """Return the form of the list with these titles and durations for the first movies."""
    form = {"form-TOTAL_FORMS": len(movies), "form-INITIAL_FORMS": len(movies), "_save": "Save"}
    for number, movie in enumerate(movies):
        title, duration = values[number] if number < len(values) else (movie.title, movie.duration_seconds or "")
        form |= {
            f"form-{number}-id": movie.pk,
            f"form-{number}-title": title,
            f"form-{number}-duration_seconds": duration,
        }
    return form


@pytest.mark.parametrize("model", MODELS)
def test_sorting_joins_nothing(admin_client, rows, model):
    """Whatever column the address asks for: events would make a row of each movie's each event."""
    for column in range(1, 8):
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(url(model, "changelist"), {"o": column})
        assert not any("LEFT OUTER JOIN" in query["sql"] for query in queries)


class TestViewers:
    @pytest.mark.parametrize("page", ["changelist", "change"])
    def test_links_to_the_events_and_the_dashboard(self, admin_client, page):
        viewer = CustomUser.objects.create(username="anna+b@demo")
        content = admin_client.get(url(CustomUser, page, *([viewer.pk] if page == "change" else []))).content.decode()
        assert '<a href="/#/viewer/anna%2Bb%40demo">What was watched</a>' in content
        assert '<a href="/admin/watchtime/event/?q=anna%2Bb%40demo">Events</a>' in content

    def test_the_link_finds_the_events(self, admin_client, rows):
        found = results(admin_client.get("/admin/watchtime/event/?q=viewer-29"))
        assert found == [rows[Event]]

    def test_add(self, admin_client):
        assert admin_client.post(url(CustomUser, "add"), {"username": "bob"}).status_code == 302
        assert CustomUser.objects.get(username="bob").total_watch_time == 0

    def test_name_and_total_stay(self, admin_client, rows):
        viewer = rows[CustomUser]
        fields = {"username": "other", "total_watch_time": 9}
        assert admin_client.post(url(CustomUser, "change", viewer.pk), fields).status_code == 302
        viewer.refresh_from_db()
        assert (viewer.username, viewer.total_watch_time) == ("viewer-29", 5)

    def test_delete_only_without_events(self, admin_client, rows):
        new = CustomUser.objects.create(username="new")
        assert admin_client.post(url(CustomUser, "delete", rows[CustomUser].pk), {"post": "yes"}).status_code == 403
        assert admin_client.post(url(CustomUser, "delete", new.pk), {"post": "yes"}).status_code == 302

    def test_a_viewer_is_no_account(self, client, rows):
        page = client.post(reverse("admin:login"), {"username": "viewer-29", "password": ""})
        assert "_auth_user_id" not in client.session
        assert page.status_code == 200

    def test_staff_who_change_viewers_change_no_account(self, client, rows):
        """The right to change viewers was once the right to make oneself a superuser."""
        staff = User.objects.create_user("editor", password="vExs8-rest", is_staff=True)
        staff.user_permissions.add(Permission.objects.get(codename="change_customuser"))
        client.force_login(staff)
        fields = {"username": "editor", "is_superuser": "on", "is_staff": "on"}
        assert client.post(url(CustomUser, "change", rows[CustomUser].pk), fields).status_code == 302
        assert client.post(reverse("admin:auth_user_change", args=[staff.pk]), fields).status_code == 403
        staff.refresh_from_db()
        assert not staff.is_superuser


@pytest.mark.parametrize(
    "page", ["admin:index", "admin:auth_user_changelist", "admin:auth_group_changelist", "admin:password_change"]
)
def test_other_pages(admin_client, page):
    assert admin_client.get(reverse(page)).status_code == 200


def test_every_model_is_there():
    assert all(admin.site.is_registered(model) for model in MODELS)


class TestSave:
    """What is saved from a page that was opened before must not set a total back."""

    @pytest.mark.parametrize("model", [CustomUser, Movie])
    def test_total_stays(self, rows, model):
        row = rows[model]
        model.objects.filter(pk=row.pk).update(total_watch_time=700)
        row.save()
        assert model.objects.get(pk=row.pk).total_watch_time == 700

    def test_everything_else_is_saved(self, rows):
        movie = Movie.objects.only("title").get(pk=rows[Movie].pk)
        movie.title, movie.duration_seconds = "Heat", 10_200
        movie.save()
        saved = Movie.objects.get(pk=movie.pk)
        assert (saved.title, saved.duration_seconds) == ("Heat", 10_200)

    def test_total_by_name(self, rows):
        rows[Movie].total_watch_time = 9
        rows[Movie].save(update_fields=["total_watch_time"])
        assert Movie.objects.get(pk=rows[Movie].pk).total_watch_time == 9
