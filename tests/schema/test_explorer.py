import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import Client, override_settings

from schema import explorer
from tests import services

FRONTEND = services.ROOT / "frontend"
ASSETS = (*explorer.STYLES, *explorer.SCRIPTS)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    explorer._installed.cache_clear()
    yield
    explorer._installed.cache_clear()


def page(monkeypatch: pytest.MonkeyPatch, *, installed: bool, address: str = "/graphql/") -> HttpResponse:
    monkeypatch.setattr(explorer, "is_served", lambda name: installed)
    response: HttpResponse = Client().get(address, headers={"Accept": "text/html"})
    return response


def test_local_page_names_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    response = page(monkeypatch, installed=True)
    assert b"http" not in response.content
    assert response.content.count(b"/static/explorer/vendor/") == len(ASSETS)
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy.split("; ")
    assert "style-src 'self'" in policy.split("; ")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_page_without_the_files_loads_nothing_from_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    response = page(monkeypatch, installed=False)
    content = response.content.decode()
    assert "npm ci --prefix frontend" in content
    assert f'<a href="?cdn">Load them from {explorer.CDN}</a>' in content
    assert "<script" not in content
    assert "http" not in content.replace(explorer.CDN, "", 1)
    assert "http" not in response["Content-Security-Policy"]


def test_page_that_was_asked_to_uses_the_cdn(monkeypatch: pytest.MonkeyPatch) -> None:
    response = page(monkeypatch, installed=False, address="/graphql/?cdn")
    content = response.content.decode()
    assert "npm ci --prefix frontend" in content
    assert content.count('integrity="sha384-') == len(ASSETS)
    assert "/static/explorer/vendor/" not in content
    policy = response["Content-Security-Policy"]
    assert f"script-src 'self' {explorer.CDN}" in policy.split("; ")
    assert f"style-src 'self' {explorer.CDN}" in policy.split("; ")
    assert "unsafe" not in policy


def test_page_with_the_files_never_uses_the_cdn(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = page(monkeypatch, installed=True, address="/graphql/?cdn")
    assert asked.content == page(monkeypatch, installed=True).content
    assert "http" not in asked["Content-Security-Policy"]


@pytest.mark.parametrize("installed", [True, False])
def test_nothing_runs_inline(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    content = page(monkeypatch, installed=installed).content.decode()
    assert content.count("<script") == content.count("<script defer src=")
    assert "<style" not in content
    assert "style=" not in content
    assert "onload" not in content


def test_caches_keep_it_apart_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert page(monkeypatch, installed=True)["Vary"] == "Accept, Cookie"


def test_development_takes_files_that_were_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer.finders, "find", lambda name: f"/there/{name}")
    with override_settings(DEBUG=True):
        assert explorer.is_served("explorer/vendor/new.js")
    assert not explorer.is_served("explorer/vendor/new.js")


def test_own_files_exist() -> None:
    for name in ("explorer.js", "explorer.css", "icon.svg"):
        assert finders.find(f"explorer/{name}")


def test_versions_are_those_that_npm_installs() -> None:
    dependencies = json.loads((FRONTEND / "package.json").read_text())["dependencies"]
    of_other_pages = {"uplot", "@mermaid-js/tiny"}  # the dashboard's and the documentation's
    explored = {name: version for name, version in dependencies.items() if name not in of_other_pages}
    assert {asset.package: asset.version for asset in ASSETS} == explored
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    for asset in ASSETS:
        assert packages[f"node_modules/{asset.package}"]["version"] == asset.version


def test_lock_file_fits_any_registry() -> None:
    packages = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    assert not any("resolved" in package for package in packages.values())
    assert all(package["integrity"].startswith("sha512-") for name, package in packages.items() if name)


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset.local_name)
def test_hash_is_of_the_installed_file(asset: explorer.Asset) -> None:
    path = finders.find(asset.local_name)
    services.require(path, "what `npm ci --prefix frontend` installs")
    digest = hashlib.sha384(Path(str(path)).read_bytes()).digest()
    assert base64.b64encode(digest).decode() == asset.sha384
