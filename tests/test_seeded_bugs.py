"""The bugs that `make mutants` seeds still fit the code, so that a change here is noticed before the next run of it."""

import pytest

from tests.faults.seeded_bugs import BUGS, Bug, seeded
from tests.services import ROOT


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_seeded_and_its_test_is_there(bug: Bug) -> None:
    compile(seeded(bug), bug.file, "exec")
    path, *names = bug.caught_by.split("::")
    assert (ROOT / path).exists()
    assert all(f" {name.partition('[')[0]}(" in (ROOT / path).read_text() for name in names if name[0].islower())
