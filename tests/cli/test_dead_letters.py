"""`jethook dead-letters list | show | delete` against a real nats-server."""

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from jethook_cli.dead_letters_read import DeadLetterStream
from jethook_contract import deadletters
from tests.cli.dead_letter_world import Rig, environment, rig, subscribe
from tests.dispatcher.lanes.world import NAMESPACE
from tests.fixtures.nats import NatsServer

pytestmark = pytest.mark.component
DATA = b'{"specversion":"1.0","id":"1","source":"/s","type":"com.example.made","data":{"amount":%d}}'
MEASURED = """
import atexit, pathlib, re, runpy, sys
def write(path=pathlib.Path(sys.argv.pop(1))):
    path.write_text(re.search("VmHWM:[^0-9]+([0-9]+)", pathlib.Path("/proc/self/status").read_text())[1])
atexit.register(write)
runpy.run_module("jethook_cli", run_name="__main__")
"""


@pytest.fixture
async def laid(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(nats_server, tmp_path) as made:
        yield made


async def test_a_table_shows_whose_they_are_and_why(laid: Rig) -> None:
    await laid.store(headers={deadletters.STATUS_CODE: "503"})
    await laid.store("stock", reason="FilterFailed", body=b"no event")
    done = await laid.jethook("dead-letters", "list")
    header, first, second = (line.split() for line in done.stdout.splitlines())
    assert header == ["ID", "SUBSCRIPTION", "TYPE", "REASON", "ATTEMPTS", "STATUS", "AGE"]
    assert first[:-1] == ["1", "orders", "com.example.made", "AttemptsExhausted", "3", "503"]
    assert second[:-1] == ["2", "stock", "-", "FilterFailed", "3", "-"]
    assert (done.returncode, done.stderr) == (0, "")


async def test_the_wide_table_adds_endpoint_event_and_error(laid: Rig) -> None:
    await laid.store(headers={deadletters.LAST_ERROR: "503 from crm.example.com"})
    done = await laid.jethook("dead-letters", "list", "-o", "wide")
    header, row = done.stdout.splitlines()
    assert header.endswith("AGE   ENDPOINT   EVENT ID   LAST ERROR")
    assert row.endswith("crm        event-0    503 from crm.example.com")


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], [1, 2, 3, 4]),
        (["--subscription", "stock"], [2]),
        (["--reason", "AgeExceeded"], [3]),
        (["--limit", "2"], [1, 2]),
        (["--where", "deadletter.statusCode == 503"], [4]),
        (["--where", 'event.id == "event-2" || deadletter.subscription == "stock"'], [2, 3]),
        (["--where", 'deadletter.endpoint == "crm" && deadletter.attempts > 2', "--limit", "1"], [1]),
        (["--where", 'deadletter.lastError.contains("reset")'], [4]),
        (["--subscription", "none"], []),
    ],
)
async def test_a_selection_narrows(laid: Rig, options: list[str], ids: list[int]) -> None:
    await laid.store()
    await laid.store("stock")
    await laid.store(reason="AgeExceeded")
    await laid.store(headers={deadletters.STATUS_CODE: "503", deadletters.LAST_ERROR: "connection reset"})
    done = await laid.jethook("dead-letters", "list", "-o", "name", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"deadletter/{number}" for number in ids]


async def test_what_a_condition_fails_on_is_left_out_and_told(laid: Rig) -> None:
    for amount in (5, 500):
        await laid.store(body=DATA % amount)
    await laid.store(body=b"no event")
    done = await laid.jethook("dead-letters", "list", "-o", "name", "--where", "event.data.amount > 100")
    assert done.stdout.split() == ["deadletter/2"]
    assert "--where failed on 1 dead letters, which are left out; 3: " in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("output", ["json", "yaml"])
async def test_a_list_is_one_document_with_everything_in_it(laid: Rig, output: str) -> None:
    read = json.loads if output == "json" else yaml.safe_load
    empty = read((await laid.jethook("dead-letters", "list", "-o", output)).stdout)
    assert empty == {"kind": "DeadLetterList", "items": []}
    await laid.store(headers={"X-Team": "Grüße"})
    await laid.store(body=b"\xff")
    listed = read((await laid.jethook("dead-letters", "list", "-o", output)).stdout)
    first, second = listed["items"]
    shown = read((await laid.jethook("dead-letters", "show", "1", "-o", output)).stdout)
    assert first == shown
    assert (first["id"], first["namespace"], first["reason"]) == (1, NAMESPACE, "AttemptsExhausted")
    assert first["headers"] == {"X-Team": "Grüße"}
    assert json.loads(first["data"])["id"] == "event-0"
    assert (second["dataBase64"], "data" in second) == ("/w==", False)


async def test_one_is_shown_in_full_without_control_characters(laid: Rig) -> None:
    await laid.store(
        headers={"X-Team": "shop", deadletters.LAST_ERROR: "503", deadletters.ANSWER_EXCERPT: "busy\x1b[2J"},
        body=b'{"a": "\x1b[31m"}',
    )
    done = await laid.jethook("dead-letters", "show", "deadletter/1")
    assert "Reason:         AttemptsExhausted" in done.stdout
    assert "Subscription:   orders" in done.stdout
    assert "  X-Team: shop" in done.stdout
    assert "Data (14 bytes):" in done.stdout
    assert "\x1b" not in done.stdout


async def test_delete_by_id_removes_those_alone(laid: Rig) -> None:
    await laid.store(count=4)
    done = await laid.jethook("dead-letters", "delete", "2", "deadletter/4", "2", "--yes")
    assert (done.returncode, done.stdout) == (0, "2 of 2 dead letters deleted\n")
    left = await laid.jethook("dead-letters", "list", "-o", "name")
    assert left.stdout.split() == ["deadletter/1", "deadletter/3"]


async def test_delete_by_selection_removes_what_it_selects(laid: Rig) -> None:
    await laid.store(count=120)
    await laid.store("stock", 3)
    done = await laid.jethook("dead-letters", "delete", "--subscription", "orders", "--limit", "110", "-y")
    assert (done.returncode, done.stdout) == (0, "110 of 110 dead letters deleted\n")
    assert (await laid.letters()).messages == 13


async def test_a_dry_run_shows_and_touches_nothing(laid: Rig) -> None:
    await subscribe(laid)
    await laid.store(count=3)
    before = await laid.states()
    for verb, done_word in (("delete", "deleted"), ("redrive", "redriven")):
        done = await laid.jethook("dead-letters", verb, "--all", "--dry-run")
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["ID", "1", "2", "3"]
        assert f"dry run: 3 dead letters would be {done_word}, nothing was touched" in done.stderr
        assert done.returncode == 0
    assert await laid.states() == before


@pytest.mark.parametrize(
    ("says", "code", "left", "told"),
    [("y", 0, 0, "2 of 2 dead letters deleted"), ("n", 1, 2, "nothing was deleted (NotConfirmed)")],
)
async def test_a_person_is_asked_with_the_count(laid: Rig, says: str, code: int, left: int, told: str) -> None:
    await laid.store(count=2)
    exit_code, seen = await laid.answer("dead-letters", "delete", "--all", says=says)
    assert f"Delete 2 dead letters of namespace {NAMESPACE}?" in seen
    assert told in seen
    assert (exit_code, (await laid.letters()).messages) == (code, left)


async def test_nothing_selected_is_no_failure(laid: Rig) -> None:
    done = await laid.jethook("dead-letters", "delete", "--all")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no dead letter found, nothing to do" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["delete"], 2, "say which: give ids, or select with"),
        (["delete", "--limit", "3"], 2, "say which"),
        (["delete", "1", "--all"], 2, "either ids or a selection"),
        (["delete", "1", "--limit", "1"], 2, "either ids or a selection"),
        (["redrive", "-5"], 2, "No such option"),
        (["redrive", "first"], 2, "'first' is no id of a dead letter"),
        (["redrive", "9" * 30], 2, "is no id of a dead letter"),
        (["show", "0"], 2, "is no id of a dead letter"),
        (["show", "99"], 1, f"there is no dead letter 99 in namespace {NAMESPACE}: see `jethook dead-letters list"),
        (["delete", "1", "99", "--yes"], 1, "there is no dead letter 99"),
        (["delete", "1"], 1, "nobody is there to ask, nothing was deleted: give --yes"),
        (["list", "--where", "event.id ="], 1, "--where:"),
        (["list", "--where", "events.id == ''"], 1, "--where:"),
        (["list", "--subscription", "a.b"], 1, "BadName"),
        (["redrive", "--all", "--rate", "0"], 2, "--rate"),
    ],
)
async def test_wrong_use_is_answered_with_the_cure(laid: Rig, arguments: list[str], code: int, told: str) -> None:
    await laid.store()
    done = await laid.jethook("dead-letters", *arguments)
    assert told in done.stderr
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    assert (await laid.letters()).messages == 1


async def test_a_namespace_without_a_stream_is_told(laid: Rig) -> None:
    done = await laid.jethook("dead-letters", "list", namespace="elsewhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert "namespace elsewhere has no dead letters stream" in done.stderr


async def test_a_scan_goes_on_when_its_consumer_is_lost(laid: Rig) -> None:
    """Behind a pager it may be away for longer than the server keeps it."""
    ids = await laid.store(count=200)
    seen = []
    async for letter in DeadLetterStream(laid.world.client, namespace=NAMESPACE).scan():
        seen.append(letter.sequence)
        if len(seen) == 50:
            for consumer in await laid.js.consumers_info("JETHOOK_DEADLETTERS_shop"):
                await laid.js.delete_consumer("JETHOOK_DEADLETTERS_shop", consumer.name)
    assert seen == ids


async def test_a_scan_ends_with_what_was_there_and_leaves_no_consumer(laid: Rig) -> None:
    ids = await laid.store(count=60)
    seen = []
    async for letter in DeadLetterStream(laid.world.client, namespace=NAMESPACE).scan():
        seen.append(letter.sequence)
        await laid.store()
    assert seen == ids
    assert (await laid.letters()).consumer_count == 0


async def test_tens_of_thousands_are_listed_in_bounded_memory(laid: Rig, tmp_path: Path) -> None:
    """40,000 dead letters of over 1 KiB: what they hold never lies in memory at once."""
    await laid.store(count=40_000)
    assert (await laid.letters()).bytes > 47_000_000
    small = _peak(laid, "-o", "json", "--limit", "1", to=tmp_path / "few")
    started = time.monotonic()
    large = _peak(laid, "-o", "json", to=tmp_path / "all")
    assert time.monotonic() - started < 60
    assert len(json.loads((tmp_path / "all").read_bytes())["items"]) == 40_000
    table = _peak(laid, "-o", "wide", to=tmp_path / "table")
    assert (tmp_path / "table").read_text().count("\n") == 40_001
    assert max(large, table) - small < 12 * 1024, f"{small} KiB for one, {large} and {table} for all"


def _peak(laid: Rig, *options: str, to: Path) -> int:
    """List into a file; give the most memory that the command had, in KiB."""
    peak = to.with_suffix(".peak")
    arguments = laid.command("dead-letters", "list", *options)[3:]
    with to.open("wb") as output:
        subprocess.run(
            [sys.executable, "-c", MEASURED, str(peak), *arguments], stdout=output, check=True, env=environment()
        )
    return int(peak.read_text())
