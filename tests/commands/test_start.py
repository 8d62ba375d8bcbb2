"""A command starts without what only the web server's workers need."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import environment, migrate
from tests.services import ROOT

RUN = """
import sys, manage
sys.argv = ["manage.py", *sys.argv[1:]]
manage.main()
print(*sorted({"strawberry", "graphql", "project.urls"} & set(sys.modules)))
"""


@pytest.mark.sqlite
@pytest.mark.parametrize(("command", "imported"), [("verify_totals", ""), ("check", "graphql project.urls strawberry")])
def test_the_schema_is_imported_by_the_check_alone(tmp_path: Path, command: str, imported: str) -> None:
    env = environment(DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}")
    migrate(env)
    done = subprocess.run([sys.executable, "-c", RUN, command], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == imported
