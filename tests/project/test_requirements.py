"""The files that `make requirements` writes are in step with pyproject.toml, and may be published as they are."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.services import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SERVICE = PROJECT["project"]["dependencies"]
TRACING = PROJECT["project"]["optional-dependencies"]["tracing"]
DEV = PROJECT["dependency-groups"]["dev"]
WRITTEN = {
    "requirements.txt": SERVICE,
    "requirements-tracing.txt": SERVICE + TRACING,
    "requirements-hashed.txt": SERVICE + TRACING,
    "constraints.txt": SERVICE + TRACING + DEV,
}
# Of the packages whose files the pages load.
NPM_LICENCES = {"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD", "Python-2.0"}


def pins(path: Path) -> dict[str, str]:
    """Return the version of each package that a file pins for this platform."""
    lines = re.findall(r"^[a-z0-9].*?(?= \\$|$)", path.read_text(), re.MULTILINE)
    pinned = [Requirement(line) for line in lines]
    return {pin.name: str(pin.specifier) for pin in pinned if pin.marker is None or pin.marker.evaluate()}


def needed(wanted: Iterable[str]) -> set[str]:
    """Return the names of everything that is needed for `wanted`, by what the installed packages say of themselves."""
    found: set[tuple[str, str]] = set()
    open_ = [Requirement(text) for text in wanted]
    while open_:
        requirement = open_.pop()
        for extra in {"", *requirement.extras} - {extra for name, extra in found if name == requirement.name}:
            found.add((requirement.name, extra))
            open_ += dependencies(requirement.name, extra)
    return {canonicalize_name(name) for name, _ in found}


def dependencies(name: str, extra: str) -> Iterator[Requirement]:
    for text in requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


@pytest.mark.parametrize("name", WRITTEN)
class TestWritten:
    def test_pins_what_is_needed_and_nothing_else(self, name: str) -> None:
        assert set(pins(ROOT / name)) == needed(WRITTEN[name])

    def test_keeps_to_the_bounds(self, name: str) -> None:
        pinned = pins(ROOT / name)
        for requirement in map(Requirement, WRITTEN[name]):
            version = pinned[canonicalize_name(requirement.name)].removeprefix("==")
            assert requirement.specifier.contains(version, prereleases=True), requirement

    def test_agrees_with_the_constraints(self, name: str) -> None:
        assert pins(ROOT / name).items() <= pins(ROOT / "constraints.txt").items()

    def test_names_no_host_and_no_path(self, name: str) -> None:
        assert not re.findall(r".*(?:://|index-url|find-links|@ |/).*", (ROOT / name).read_text())


def test_every_pin_of_the_hashed_file_has_a_hash() -> None:
    entries = re.split(r"^(?=[a-z0-9])", (ROOT / "requirements-hashed.txt").read_text(), flags=re.MULTILINE)[1:]
    assert len(entries) > len(SERVICE + TRACING)
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}$", entry, re.MULTILINE) for entry in entries)


def test_the_image_installs_by_hash() -> None:
    assert "pip install --require-hashes" in re.sub(r"\s+", " ", (ROOT / "deploy/Dockerfile").read_text())


def test_npm_packages_of_the_pages_may_be_used() -> None:
    packages = json.loads((ROOT / "frontend/package-lock.json").read_text())["packages"]
    licences = {name: package["license"] for name, package in packages.items() if name and not package.get("dev")}
    assert licences
    assert {name: licence for name, licence in licences.items() if licence not in NPM_LICENCES} == {}
