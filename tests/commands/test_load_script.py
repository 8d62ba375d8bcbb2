"""The load script for users makes load that the service takes without an error."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.processes import serving, wait_for
from tests.services import ROOT

pytestmark = pytest.mark.slow
PLAYERS = 9  # of ten users; one reads


def watching(address: str) -> int:
    """Return how many players have had an event counted."""
    query = {"query": '{ searchViewers(text: "load-") { username } }'}
    body = json.dumps(query).encode()
    with urlopen(Request(f"{address}/graphql/", body, {"Content-Type": "application/json"})) as response:
        return len(json.load(response)["data"]["searchViewers"])


def test_ten_users_meet_no_error(tmp_path: Path) -> None:
    locust = Path(sys.executable).parent / "locust"
    options = ["--headless", "--users", "10", "--spawn-rate", "10", "--run-time", "60s", "--json"]
    with serving(tmp_path) as address:
        command = [locust, "-f", ROOT / "bench" / "locustfile.py", "--host", address, *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as users:
            try:
                wait_for(lambda: watching(address) == PLAYERS, 50, "all of them play", every=0.5)
            finally:
                users.send_signal(signal.SIGTERM)
            report, log = users.communicate(timeout=30)
    assert users.returncode == 0, log[-3000:]
    requests = {each["name"]: each["num_requests"] for each in json.loads(report)}
    assert requests["publishEvent"] >= PLAYERS
    assert requests["totals"] >= 1
    assert sum(each["num_failures"] for each in json.loads(report)) == 0
