"""The settings: every variable is documented with its default, and `.env` is what it says."""

import ast
import re
import subprocess
import sys

from tests.processes import EXAMPLE
from tests.services import ROOT

READ = re.compile(r'(?:env\.\w+|_number)\("([A-Z_]+)"')


def test_the_example_lists_every_variable_that_is_read() -> None:
    read = READ.findall((ROOT / "project" / "settings.py").read_text())
    listed = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(read)


def run(code: str, **variables: str) -> str:
    """Run code in a process that has only these variables, and no .env; return what it prints."""
    code = f"import environ; environ.Env.read_env = lambda *_: None\n{code}"
    env = {"DJANGO_SETTINGS_MODULE": "project.settings", "SECRET_KEY": "x", **variables}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True).stdout


def settings_with(**variables: str) -> str:
    """Return every documented setting of a process that has only these variables."""
    code = "from django.conf import settings\n"
    return run(f"{code}print([(name, getattr(settings, name, None)) for name in {[*EXAMPLE]}])", **variables)


def test_the_example_gives_the_defaults() -> None:
    example = {name: value for name, value in EXAMPLE.items() if name != "SECRET_KEY"}
    assert "CONSUMER_BATCH_SIZE" in settings_with()
    assert settings_with(**example) == settings_with()


def test_one_file_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for room in ("project", "schema", "watchtime", "broker")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"\benviron\b.*\[|os\.getenv|environ\.get|environ\.Env", path.read_text())
    ]
    assert readers == ["project/settings.py"]


def test_a_databases_url_may_have_options_of_its_own() -> None:
    url = "postgres://someone@db.example/watchtime?sslmode=require&connect_timeout=2"
    code = "from project.settings import DATABASES; print(DATABASES['default']['OPTIONS'])"
    options = run(code, DATABASE_URL=url)
    assert ast.literal_eval(options) == {"server_side_binding": True, "sslmode": "require", "connect_timeout": 2}
