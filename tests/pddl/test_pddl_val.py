"""VAL as a second opinion: only its own sentence counts, and a crash is no verdict.

The stand-ins are real programs that answer as VAL was seen to; the last tests run VAL itself, where it is.
"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pddl_texts import BLOCKS, THREE, plan

from iterdeploy.errors import BadInput
from iterdeploy.pddl.val import (
    LONGEST_LINE,
    ValAnswer,
    ValError,
    ValStoppedError,
    ask_val,
    check_val,
    find_val,
    working_val,
)

GOOD = plan("pick-up b, stack b c, pick-up a, stack a b")


def program(folder: Path, script: str) -> Path:
    path = folder / "Validate"
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def ask(folder: Path, script: str, seconds: int = 5) -> ValAnswer:
    return ask_val(BLOCKS, THREE, GOOD, seconds=seconds, program=program(folder, script))


@pytest.mark.parametrize(
    ("script", "valid"),
    [
        ("echo 'Plan executed successfully - checking goal'; echo 'Plan valid'; exit 0", True),
        ("echo 'Plan valid'; exit 1", True),
        ("echo 'Bad plan description!'; exit 0", False),
        ("echo 'no, not Plan valid'; exit 0", False),
        ("echo 'Plan valid for nothing'; exit 0", False),
        ("echo 'Goal not satisfied'; exit 1", False),
        ("echo 'Error in type-checking!'; exit 255", False),
    ],
)
def test_only_the_sentence_on_its_own_line_counts(tmp_path: Path, script: str, valid: bool) -> None:
    assert ask(tmp_path, script).valid is valid


@pytest.mark.parametrize("script", ["kill -SEGV $$", "echo 'Plan valid'; kill -ABRT $$", "exit 126"])
def test_a_crash_is_an_error_and_no_verdict(tmp_path: Path, script: str) -> None:
    with pytest.raises(ValError, match="VAL ended with code"):
        ask(tmp_path, script)


def test_cpu_time_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ValStoppedError):
        ask(tmp_path, "while :; do :; done", seconds=1)


def test_memory_is_limited(tmp_path: Path) -> None:
    shown = ask_val(BLOCKS, THREE, GOOD, megabytes=500, program=program(tmp_path, "ulimit -v"))
    assert shown.output.strip() == str(500 * 1024)


def test_the_plan_is_written_one_action_a_line(tmp_path: Path) -> None:
    answer = ask(tmp_path, 'cat "$3"')
    assert answer.output == "(pick-up b)\n(stack b c)\n(pick-up a)\n(stack a b)\n"


def test_val_gets_no_long_line(tmp_path: Path) -> None:
    script = 'awk \'{ if (length > m) m = length } END { print m }\' "$1" "$2"'
    long = f";{'x' * 2 * LONGEST_LINE}\n" + THREE.replace("\n", " ") + " " * LONGEST_LINE
    shown = ask_val(BLOCKS, long, GOOD, program=program(tmp_path, script))
    assert 10 < int(shown.output) <= LONGEST_LINE
    for texts in ((f"({'x' * 2 * LONGEST_LINE})", THREE), (BLOCKS, f"({'x' * 2 * LONGEST_LINE})")):
        with pytest.raises(
            BadInput, match=f"of the (domain|problem) has .* characters; VAL gets {LONGEST_LINE}"
        ):
            ask_val(*texts, GOOD, program=program(tmp_path, "exit 0"))
    with pytest.raises(BadInput, match="line 1 of the plan"):
        ask_val(BLOCKS, THREE, plan("x" * 2 * LONGEST_LINE), program=program(tmp_path, "exit 0"))


def test_a_missing_program_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValError, match="VAL ended with code 127"):
        ask_val(BLOCKS, THREE, GOOD, program=tmp_path / "none")


needs_val = pytest.mark.skipif(find_val() is None, reason="VAL is not installed")


@needs_val
def test_val_agrees_on_a_right_and_a_wrong_plan() -> None:
    assert ask_val(BLOCKS, THREE, GOOD).valid
    assert not ask_val(BLOCKS, THREE, GOOD[:-1]).valid


@needs_val
def test_val_reads_a_problem_whose_lines_had_to_be_broken() -> None:
    assert ask_val(BLOCKS, THREE.replace("\n", " " * LONGEST_LINE), GOOD).valid


@needs_val
def test_a_working_val_passes_its_test() -> None:
    assert working_val() == find_val()


@pytest.mark.parametrize(
    "script", ["echo 'Plan valid'", "echo 'Goal not satisfied'", "exit 7", "kill -SEGV $$"]
)
def test_a_val_that_lies_or_crashes_is_found_out(script: str, tmp_path: Path) -> None:
    with pytest.raises(ValError):
        check_val(program(tmp_path, script))


@needs_val
def test_vals_crash_on_too_few_arguments_is_an_error() -> None:
    with pytest.raises(ValError):
        ask_val(BLOCKS, THREE, plan("stack b"))
