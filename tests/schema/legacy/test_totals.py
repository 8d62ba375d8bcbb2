"""The three totals, and what is said of names that nothing has."""

from urllib.parse import quote

import pytest

from tests.schema.legacy.conftest import JSON
from watchtime.models import CustomUser, Movie, WatchTime

pytestmark = pytest.mark.django_db


class TestTotals:
    def test_user(self, client, ann, django_assert_num_queries):
        with django_assert_num_queries(1):
            response = client.get("/users/ann/total-watch-time/")
        assert response.json() == {"username": "ann", "total_watch_time": 2**40}

    def test_movie(self, client, heat, django_assert_num_queries):
        with django_assert_num_queries(1):
            response = client.get(f"/movies/{heat.pk}/total-watch-time/")
        assert response.json() == {"title": "Heat", "slug": "heat", "total_watch_time": 2**41}

    def test_pair(self, client, ann, heat, django_assert_num_queries):
        WatchTime.objects.create(user=ann, movie=heat, last_moment=60, total=2**39)
        with django_assert_num_queries(1):
            response = client.get(f"/ann/{heat.pk}/total-watch-time/")
        assert response.json() == {"get_total_watch_time_per_user_movie": 2**39}

    def test_nothing_watched_is_0(self, client, ann, heat, django_assert_num_queries):
        with django_assert_num_queries(3):
            response = client.get(f"/ann/{heat.pk}/total-watch-time/")
        assert response.json() == {"get_total_watch_time_per_user_movie": 0}
        CustomUser.objects.create(username="new")
        assert client.get("/users/new/total-watch-time/").json()["total_watch_time"] == 0

    def test_largest_total(self, client):
        CustomUser.objects.create(username="max", total_watch_time=2**63 - 1)
        assert b"9223372036854775807" in client.get("/users/max/total-watch-time/").content

    def test_unknown(self, client, ann, heat):
        for path in ("users/bob", f"movies/{heat.pk + 1}", f"bob/{heat.pk}", f"ann/{heat.pk + 1}"):
            response = client.get(f"/{path}/total-watch-time/")
            assert (response.status_code, set(response.json())) == (404, {"detail"})

    @pytest.mark.parametrize(
        "pk", ["x", "0", "-1", "1.0", "+1", "1_0", "%201", str(2**63), "9" * 5000, "\u0661", "heat", "%00"]
    )
    def test_pk_that_is_none(self, client, ann, heat, pk):
        for path in (f"/movies/{pk}/total-watch-time/", f"/ann/{pk}/total-watch-time/"):
            response = client.get(path)
            assert (response.status_code, response["Content-Type"]) == (404, JSON)

    @pytest.mark.parametrize("username", ["%00", "a" * 101, "a%20b", "%ff", "%ed%a0%80", "a%0a", "%F0%9F%98%80"])
    def test_username_that_is_none(self, client, heat, username):
        for path in (f"/users/{username}/total-watch-time/", f"/{username}/{heat.pk}/total-watch-time/"):
            response = client.get(path)
            assert (response.status_code, response["Content-Type"]) == (404, JSON)

    @pytest.mark.parametrize("username", ["a@b.org", "a+b", "a-b_c.d", "Zo\u00eb", "\u5f20\u4f1f", "5", "a" * 100])
    def test_usernames_in_paths(self, client, heat, username):
        user = CustomUser.objects.create(username=username, total_watch_time=5)
        WatchTime.objects.create(user=user, movie=heat, last_moment=5, total=5)
        name = quote(username)
        assert client.get(f"/users/{name}/total-watch-time/").json() == {"username": username, "total_watch_time": 5}
        pair = client.get(f"/{name}/{heat.pk}/total-watch-time/")
        assert pair.json() == {"get_total_watch_time_per_user_movie": 5}

    @pytest.mark.parametrize("username", ["admin", "graphql", "static", "swagger", "swagger.json", "cursor", "livez"])
    def test_names_of_other_paths_are_usernames_too(self, client, heat, username):
        user = CustomUser.objects.create(username=username, total_watch_time=5)
        WatchTime.objects.create(user=user, movie=heat, last_moment=5, total=5)
        pair = client.get(f"/{username}/{heat.pk}/total-watch-time/")
        assert (pair.status_code, pair.json()) == (200, {"get_total_watch_time_per_user_movie": 5})
        unknown = client.get(f"/{username}/{heat.pk + 1}/total-watch-time/")
        assert (unknown.status_code, unknown.json()) == (404, {"detail": "Unknown movie"})
        wrong = client.get(f"/{username}/x/total-watch-time/")
        assert (wrong.status_code, wrong.json()) == (404, {"detail": "Not found"})
        assert client.post(f"/{username}/{heat.pk}/total-watch-time/").status_code == 405

    def test_upper_and_lower_case_differ(self, client, ann):
        assert client.get("/users/Ann/total-watch-time/").status_code == 404
        CustomUser.objects.create(username="Ann", total_watch_time=1)
        assert client.get("/users/Ann/total-watch-time/").json() == {"username": "Ann", "total_watch_time": 1}

    def test_a_movie_without_a_title(self, client):
        movie = Movie.objects.create(slug="untitled")
        total = client.get(f"/movies/{movie.pk}/total-watch-time/").json()
        assert total == {"title": None, "slug": "untitled", "total_watch_time": 0}

    def test_fixed_paths_come_first(self, client, heat):
        for username in ("users", "movies", str(heat.pk)):
            user = CustomUser.objects.create(username=username, total_watch_time=7)
            WatchTime.objects.create(user=user, movie=heat, last_moment=5, total=5)
        users = client.get(f"/users/{heat.pk}/total-watch-time/").json()
        assert users == {"username": str(heat.pk), "total_watch_time": 7}
        assert client.get(f"/movies/{heat.pk}/total-watch-time/").json()["slug"] == "heat"
        for username in ("users", "movies"):
            total = client.get(f"/users/{username}/total-watch-time/").json()
            assert total == {"username": username, "total_watch_time": 7}
