"""The wheel and the sdist: what is in them, and that the service runs from an installed wheel."""

import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import httpx
import pytest
import yaml

from project import __version__
from tests.processes import environment, free_port, wait_for
from tests.services import ROOT

pytestmark = pytest.mark.slow
PACKAGES = ("broker", "project", "schema", "watchtime")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both from what the checkout has, without asking a package index; give their folder."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def program(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own, which finds what it needs in this one; give its program."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    site = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    (Path(site) / "needed.pth").write_text(sysconfig.get_path("purelib"))
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(folder / "bin/python"),
        "install",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*install, "--quiet", *map(str, built.glob("*.whl"))], check=True)
    return folder / "bin" / "watch-time"


def files_in_git(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def test_the_wheel_has_every_file_of_the_packages_and_no_other(built: Path) -> None:
    (wheel,) = built.glob(f"watch_time-{__version__}-*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    vendored = {name for name in names if "/vendor/" in name}
    assert names - vendored == files_in_git(*PACKAGES) | {"manage.py"}
    assert {
        str(path.relative_to(ROOT)) for path in ROOT.glob("schema/static/*/vendor/**/*") if path.is_file()
    } == vendored


def test_the_sdist_has_every_file(built: Path) -> None:
    with tarfile.open(built / f"watch_time-{__version__}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files_in_git(*PACKAGES, "tests", "docs", "deploy", "Makefile", "requirements.txt") <= names


def test_the_installed_service_runs(program: Path, tmp_path: Path) -> None:
    port = free_port()
    env = environment(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}", PORT=str(port))
    for command in (["migrate"], ["collectstatic", "--no-input"]):
        subprocess.run([program, *command, "--verbosity", "0"], cwd=tmp_path, env=env, check=True)
    with subprocess.Popen([program, "up"], cwd=tmp_path, env=env) as process:
        try:
            wait_for(lambda: is_ready(port), 60, "the service is ready")
            page = httpx.get(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"}).text
            script = re.search(r'src="(/static/[^"]+\.js)"', page)
            assert script is not None
            assert httpx.get(f"http://127.0.0.1:{port}{script[1]}").status_code == 200
        finally:
            process.terminate()
    assert process.returncode == 0


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_the_release_has_one_version() -> None:
    manifest = yaml.safe_load((ROOT / "deploy/kubernetes/kustomization.yaml").read_text())
    assert [image["newTag"] for image in manifest["images"]] == [__version__]
    assert f"\n## {__version__} " in (ROOT / "CHANGELOG.md").read_text()
