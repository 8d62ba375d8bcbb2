"""`python -m tests.faults.seeded_bugs [NAME]`: seed bugs one by one in a copy of the checkout; a test must catch each.

A bug that no test catches is a missing test. Prints a table; exit 1 when one was not caught.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.services import ROOT

TIMEOUT = 300.0


class Bug(NamedTuple):
    """A bug: in one file, some pieces of text become others. `caught_by` is the test that must fail then."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    caught_by: str
    database: str = "sqlite"


FAULTS = "tests/faults"
ANALYTICS = "tests/watchtime/test_analytics.py"
BUGS = (
    Bug(
        "acknowledge before the commit",
        "broker/consumer.py",
        (
            (
                "            rejections = self._save(subscription, batch)",
                "            subscription.acknowledge(batch)\n            rejections = self._save(subscription, batch)",
            ),
            ("            subscription.acknowledge(batch)\n            if self._room", "            if self._room"),
        ),
        f"{FAULTS}/test_consumer.py::test_consumer_killed_at_a_point[before commit]",
    ),
    Bug(
        "no wait for the confirm",
        "broker/connection.py",
        (("        self._result(publication.done, timeout)\n", ""),),
        f"{FAULTS}/test_network.py::test_blackholed_for_a_while[web server and RabbitMQ]",
    ),
    Bug(
        "no mandatory flag",
        "broker/connection.py",
        (("mandatory=True", "mandatory=False"),),
        f"{FAULTS}/test_queue.py::test_queue_deleted_under_the_web_server",
    ),
    Bug(
        "a refusal taken for a confirm",
        "broker/connection.py",
        ((' if frame.method.NAME == "Basic.Nack" else None', " if False else None"),),
        f"{FAULTS}/test_queue.py::test_queue_full",
    ),
    Bug(
        "a queue that is not durable",
        "broker/connection.py",
        (("name, durable=True, arguments=arguments)", "name, durable=False)"),),
        f"{FAULTS}/test_servers.py::test_rabbitmq_killed",
    ),
    Bug(
        "an acknowledgement on a new connection",
        "broker/rabbitmq.py",
        (
            (
                "        tag = deliveries[-1].tag\n",
                "        tag = deliveries[-1].tag\n"
                "        if self._connection.ended_at is not None:\n"
                "            self._connection = self._client._open()\n"
                "            self._connection.wait_until_ready(5)\n"
                "            self._consume(4000)\n",
            ),
        ),
        "tests/broker/test_rabbitmq.py::test_a_lost_connection_is_replaced_and_its_tags_are_not_used_again",
    ),
    Bug(
        "no dedupe",
        "watchtime/fold.py",
        (
            (
                "ON CONFLICT (user_id, event_id) DO NOTHING",
                "ON CONFLICT (user_id, event_id) DO UPDATE SET received_at = excluded.received_at",
            ),
        ),
        f"{FAULTS}/test_messages.py::test_repeats_and_reordering",
    ),
    Bug(
        "totals from the input, and not from what the ledger took in",
        "watchtime/fold.py",
        (("    _add(new.values())", "    _add(entries)"),),
        f"{FAULTS}/test_queue.py::test_fold_slower_than_the_consumer_timeout",
    ),
    Bug(
        "unsorted keys",
        "watchtime/fold.py",
        (("in sorted(first.values())", "in first.values()"),),
        "tests/watchtime/test_fold.py::test_parallel_folds_of_the_same_events_wait_for_each_other",
        database="postgresql",
    ),
    Bug(
        "a swallowed database error",
        "watchtime/ingest.py",
        (
            (
                "        except TryAgain:\n            raise\n        except Exception:\n",
                "        except TryAgain:\n            return []\n        except Exception:\n",
            ),
        ),
        f"{FAULTS}/test_servers.py::test_postgresql_stopped_immediately",
    ),
    Bug(
        "a retry with a new id",
        "schema/legacy.py",
        (
            (
                "known = fields.keys() & WatchEvent.model_fields",
                "known = fields.keys() & {'user', 'slug', 'at', 'start'}",
            ),
        ),
        f"{FAULTS}/test_network.py::test_confirms_lost",
    ),
    Bug(
        "refused messages acknowledged and not kept",
        "broker/consumer.py",
        (("                subscription.dead_letter(rejections)\n", "                pass\n"),),
        f"{FAULTS}/test_messages.py::test_every_tenth_message_is_poison",
    ),
    Bug(
        "ids that are not compared with what is counted",
        "watchtime/fold.py",
        (("if is_conflict(entry)", "if False"),),
        f"{FAULTS}/test_messages.py::test_id_conflicts",
    ),
    Bug(
        "no deadline on the database",
        "watchtime/management/commands/consume.py",
        (("        DatabaseWrapper.statement_timeout = settings.DATABASE_TIMEOUT\n", ""),),
        f"{FAULTS}/test_network.py::test_forgotten[consumer and PostgreSQL]",
    ),
    Bug(
        "a silent broker that is waited for",
        "broker/connection.py",
        (("elif now - self._heard_at > self._silence:", "elif False:"),),
        f"{FAULTS}/test_network.py::test_half_open[consumer and RabbitMQ]",
    ),
    Bug(
        "a channel that refuses for ever is kept",
        "broker/connection.py",
        (("elif now - self._confirms.refusing_since > REFUSAL_TIMEOUT:", "elif False:"),),
        f"{FAULTS}/test_cluster.py",
    ),
    Bug(
        "views counted from the input",
        "watchtime/fold.py",
        (
            ("    _add(new.values())", "    _add(new.values(), entries)"),
            ("def _add(entries: Iterable[Entry])", "def _add(entries: Iterable[Entry], sent: Iterable[Entry])"),
            (
                "add_to_blocks(aggregates.views, viewers)",
                "every = Aggregates()\n        [every.add(entry) for entry in sent]\n"
                "        add_to_blocks(every.views, viewers)",
            ),
        ),
        f"{ANALYTICS}::test_a_repeat_is_no_view",
    ),
    Bug(
        "viewers counted whatever they had seen before",
        "watchtime/fold.py",
        (
            (
                "        new[key] = pair.merge(pairs[key])",
                "        pair.merge(pairs[key])\n        new[key] = pairs[key].coverage",
            ),
        ),
        f"{ANALYTICS}::test_coverage[watched again]",
    ),
    Bug(
        "coverage read without a lock",
        "watchtime/rows.py",
        ((" FOR NO KEY UPDATE OF {table}", ""),),
        "tests/watchtime/test_fold.py::test_parallel_folds_of_one_pair_count_its_viewer_once",
        database="postgresql",
    ),
    Bug(
        "a new pair that is not read again when another consumer made it",
        "watchtime/rows.py",
        (("row in new if row[: len(key)] not in made]", "row in new if False]"),),
        "tests/watchtime/test_fold.py::test_parallel_folds_of_one_pair_count_its_viewer_once",
        database="postgresql",
    ),
    Bug(
        "a rollup outside the transaction",
        "watchtime/fold.py",
        (
            (
                "add_to_periods(MovieQuarter, aggregates.quarters)",
                "transaction.on_commit(lambda: add_to_periods(MovieQuarter, aggregates.quarters))",
            ),
        ),
        f"{FAULTS}/test_consumer.py::test_consumer_killed_at_a_point[committed]",
    ),
    Bug(
        "the resume moment by arrival",
        "watchtime/fold.py",
        (('LATER = """(', 'LATER = """(true OR '),),
        f"{ANALYTICS}::test_the_resume_moment_is_that_of_the_last_watched_not_the_furthest_nor_the_last_to_arrive",
    ),
    Bug(
        "a conflict that takes its whole message along",
        "watchtime/ingest.py",
        (
            (
                "        return [_conflict(*sources[position]) for position in folded.conflicts]",
                "        lost = {id(sources[position][0]) for position in folded.conflicts}\n"
                "        return [_conflict(*source) for source in sources if id(source[0]) in lost]",
            ),
        ),
        "tests/watchtime/test_ingest.py",
    ),
    Bug(
        "a movie that a conflict leaves behind",
        "watchtime/fold.py",
        (("    _remove(Movie, ", "    _remove(Movie, set() and "),),
        "tests/watchtime/test_fold.py::test_a_conflict_leaves_no_movie_and_no_viewer_behind",
    ),
)


def seeded(bug: Bug) -> str:
    """Return the text of the bug's file with the bug in it. Raises ValueError where that has changed too much."""
    text = (ROOT / bug.file).read_text()
    for old, new in bug.changes:
        if text.count(old) != 1:
            raise ValueError(f"{bug.name}: {old!r} is not in {bug.file} exactly once")
        text = text.replace(old, new)
    return text


def copy_checkout(target: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)


def is_caught(bug: Bug) -> bool:
    """Say whether the bug's test fails with the bug in place. What else stops it is an error of this script."""
    with tempfile.TemporaryDirectory(prefix="watchtime-bug-") as directory:
        copy_checkout(Path(directory))
        (Path(directory) / bug.file).write_text(seeded(bug))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", bug.caught_by],
            cwd=directory,
            env={**os.environ, "TEST_DATABASE": bug.database, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{bug.name}: pytest ended with {done.returncode}\n{done.stdout}{done.stderr}")
    reasons = re.findall(r"^E +(.*)$", done.stdout, re.MULTILINE)
    sys.stdout.write(f"    {reasons[0][:160] if reasons else done.stdout.strip().splitlines()[-1]}\n")
    return done.returncode == 1


def main(wanted: str = "") -> None:
    missed = []
    for bug in BUGS:
        if wanted in bug.name:
            began = time.monotonic()
            caught = is_caught(bug)
            verdict = "caught" if caught else "MISSED"
            sys.stdout.write(f"{verdict} by {bug.caught_by} in {time.monotonic() - began:.0f} s: {bug.name}\n")
            sys.stdout.flush()
            missed += [] if caught else [bug.name]
    if missed:
        raise SystemExit(f"{len(missed)} bugs were not caught: {missed}")


if __name__ == "__main__":
    main(*sys.argv[1:])
