import pytest

from watchtime import search
from watchtime.models import CustomUser, Movie

pytestmark = pytest.mark.django_db


@pytest.fixture
def movies() -> None:
    Movie.objects.create(slug="alien", title="Alien", total_watch_time=900)
    Movie.objects.create(slug="aliens-1986", title="", total_watch_time=9_000)
    Movie.objects.create(slug="heat", title="100 % Heat", total_watch_time=90_000)


@pytest.mark.parametrize(
    ("text", "slugs"),
    [
        ("alien", ["aliens-1986", "alien"]),
        ("LIEN", ["aliens-1986", "alien"]),
        ("100 %", ["heat"]),
        ("%", ["heat"]),
        ("_", []),
        ("'", []),
        ("\0", []),
        ("\ud800", []),
    ],
)
def test_movies(movies: None, text: str, slugs: list[str]) -> None:
    assert [movie.slug for movie in search.movies(text)] == slugs


def test_only_among_the_most_watched(movies: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SEARCHED", 2)
    assert [movie.slug for movie in search.movies("lien")] == ["aliens-1986"]
    assert [movie.slug for movie in search.movies("alien")] == ["aliens-1986", "alien"], "its whole slug"


def test_viewers() -> None:
    for number, name in enumerate(("anna", "Annabel", "ben")):
        CustomUser.objects.create(username=name, total_watch_time=number)
    assert [viewer.username for viewer in search.viewers("anna")] == ["Annabel", "anna"]
    assert list(search.viewers("\0")) == []
