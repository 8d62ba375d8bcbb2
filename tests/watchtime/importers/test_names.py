"""Usernames and slugs: valid, stable, readable, and never one for two names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import event
from watchtime.importers.errors import LeftOut
from watchtime.importers.names import clean, slug_of, username_of

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)
TITLES = st.one_of(NAMES, st.lists(st.sampled_from(["Alien", "alien", "Alien!", "2049", "-", "é"])).map(" ".join))


@given(NAMES)
def test_every_name_makes_a_username(name: str) -> None:
    assert event(user=username_of(name)).user == username_of(name)


@given(TITLES, TITLES)
def test_every_title_makes_a_slug_and_no_two_the_same(one: str, other: str) -> None:
    assert event(slug=slug_of(one)).slug == slug_of(one)
    assert (slug_of(one) == slug_of(other)) == (clean(one) == clean(other))


@given(NAMES, NAMES)
def test_no_two_names_make_the_same_username(one: str, other: str) -> None:
    assert (username_of(one) == username_of(other)) == (clean(one) == clean(other))


@pytest.mark.parametrize("name", ["anna", "anna@example.com", "a79f3296-dc62-4d12-92f3-ce88ccca0ecf", "Zoë", "a+b"])
def test_a_valid_username_stays(name: str) -> None:
    assert username_of(name) == name


def test_a_name_that_looks_like_another_is_told_from_it() -> None:
    assert username_of("\uff41\uff4e\uff4e\uff41").startswith("anna+")
    assert username_of("anna\u3164").startswith("anna_+")


def test_what_was_made_of_one_name_is_not_another_viewers() -> None:
    made = username_of("Anna Maria")
    assert re.fullmatch(r"Anna_Maria\+[0-9a-f]{12}", made)
    assert username_of(made) != made
    assert len(username_of("x" * 200)) == 100


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Alien", "alien"),
        ("Blade Runner 2049", "blade-runner-2049"),
        ("  Blade   Runner\t2049 ", "blade-runner-2049"),
        ("alien", "alien-a49c1d038068"),
        ("Breaking Bad: Season 1: Pilot", "breaking-bad-season-1-pilot-8f820938a428"),
        ("Amélie", "amelie-ffd648213f41"),
        ("千と千尋の神隠し", "movie-3146d995b8c4"),
    ],
)
def test_slugs_stay_what_they_are(title: str, slug: str) -> None:
    """Another slug would be another movie at the next import."""
    assert slug_of(title) == slug


def test_long_titles_with_the_same_beginning() -> None:
    slugs = {slug_of(f"A very long title that goes on and on and on and on: part {number}") for number in range(100)}
    assert len(slugs) == 100
    assert all(slug.startswith("a-very-long-title") and len(slug) <= 50 for slug in slugs)


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert slug_of("Ame\u0301lie") == slug_of("Am\u00e9lie")


def test_a_title_that_looks_made_is_told_from_what_was_made() -> None:
    made = slug_of("Alien!")
    assert slug_of(f"Alien {made[-12:].upper()}".title()) != made


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_what_no_database_stores_is_left_out(text: str) -> None:
    with pytest.raises(LeftOut, match="not valid Unicode"):
        slug_of(text)
    with pytest.raises(LeftOut, match="not valid Unicode"):
        username_of(text)
