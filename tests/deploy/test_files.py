"""What is in deploy/, checked by the tools of those who read it: no Docker engine and no cluster runs here."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.services import ROOT, require_program

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = (DEPLOY / "compose.yaml").read_text()
MANIFESTS = [DEPLOY / "kubernetes" / f"{name}.yaml" for name in ("configmap", "migrate", "web", "consumer")]
SETTINGS = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def program(name: str) -> Path:
    """Return a program that a Python package brings."""
    return Path(sys.executable).parent / name


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    assert run(program("hadolint"), "--failure-threshold", "style", DEPLOY / "Dockerfile") == ""


def test_the_compose_file_fits_its_schema() -> None:
    assert (
        run(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
        == "ok -- validation done\n"
    )


def test_the_compose_file_gets_all_from_the_environment() -> None:
    needed = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
    known = set(re.findall(r"\$\{(\w+)", COMPOSE)) | {"IMAGE"}
    example = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE))
    assert needed <= example <= known
    services = yaml.safe_load(COMPOSE)["services"]
    for name in ("migrate", "web", "consumer"):
        assert services[name]["read_only"]
        assert services[name]["cap_drop"] == ["ALL"]
        assert set(services[name]["environment"]) <= SETTINGS


def test_what_the_image_is_made_of_is_let_through() -> None:
    let_through = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert all((ROOT / name).exists() for name in let_through)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages | {"manage.py", "requirements-hashed.txt"} <= let_through
    assert not {"tests", "bench", ".env", ".git"} & let_through


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_kubernetes_takes_the_manifests(path: Path) -> None:
    assert run(program("kubernetes-validate"), "--strict", "--quiet", path) == ""


def test_the_manifests_name_only_what_is_there() -> None:
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert {path.name for path in MANIFESTS} == set(listed)
    config = yaml.safe_load(MANIFESTS[0].read_text())["data"]
    assert set(config) <= SETTINGS
    for path in MANIFESTS[1:]:
        workload = next(yaml.safe_load_all(path.read_text()))
        spec = workload["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["command"][:2] == ["python", "manage.py"]
        assert "limits" in container["resources"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    systemd = require_program("systemd-analyze")
    root = tmp_path / "root"
    python = root / "opt" / "watch-time" / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    shutil.copy2("/bin/true", python)
    name = unit.name.replace("@", "@1")
    target = tmp_path / name
    text = unit.read_text()
    assert "ExecStart=/opt/watch-time/.venv/bin/python manage.py" in text
    target.write_text(text.replace("/opt/watch-time", f"{root}/opt/watch-time"))
    assert run(systemd, "verify", "--man=no", target) == ""


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_the_units_may_do_little(unit: Path) -> None:
    systemd = require_program("systemd-analyze")
    told = run(systemd, "security", "--offline=true", "--threshold=20", unit)  # of 100; an ordinary service has 96
    assert "Overall exposure level" in told


def test_the_dashboard_is_provisioned_where_compose_puts_it() -> None:
    path = yaml.safe_load((DEPLOY / "grafana" / "provisioning.yaml").read_text())["providers"][0]["options"]["path"]
    assert f"./grafana/watch-time.json:{path}/watch-time.json:ro" in COMPOSE
    mounted = re.findall(r"^ +- \./(\S+?):", COMPOSE, re.MULTILINE)
    assert mounted
    assert all((DEPLOY / name).is_file() for name in mounted)
    assert json.loads((DEPLOY / "grafana" / "watch-time.json").read_text())["uid"] == "watch-time"
