"""The load script for users makes load that the service takes without an error."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import serving
from tests.services import ROOT

pytestmark = pytest.mark.slow


def test_ten_users_meet_no_error(tmp_path: Path) -> None:
    locust = Path(sys.executable).parent / "locust"
    options = [
        "--headless",
        "--users",
        "10",
        "--spawn-rate",
        "10",
        "--run-time",
        "4s",
        "--csv",
        str(tmp_path / "report"),
    ]
    with serving(tmp_path) as address:
        done = subprocess.run(
            [locust, "-f", ROOT / "bench" / "locustfile.py", "--host", address, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = {row["Name"]: row for row in csv.DictReader((tmp_path / "report_stats.csv").read_text().splitlines())}
    assert int(rows["publishEvent"]["Request Count"]) >= 10
    assert int(rows["totals"]["Request Count"]) >= 1
    assert rows["Aggregated"]["Failure Count"] == "0"
