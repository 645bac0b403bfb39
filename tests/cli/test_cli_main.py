"""The boundary: quick to start, errors as messages, help for every command, a page that is current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from iterdeploy.cli import main
from iterdeploy.cli.main import parser
from iterdeploy.cli.page import commands, page

ROOT = Path(__file__).parent.parent.parent


def test_every_command_has_help_and_an_act(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (claim, command) in commands(parser()).items():
        assert claim, name
        assert command.get_default("act"), name
        with pytest.raises(SystemExit) as stopped:
            main([name, "--help"])
        assert stopped.value.code == 0
    capsys.readouterr()


def test_the_page_is_current() -> None:
    current = (ROOT / "docs/cli.md").read_text()
    assert current == page(), "run: python -m iterdeploy.cli.page > docs/cli.md"


def test_an_unknown_command_and_no_command_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["rum"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
    assert "invalid choice: 'rum'" in capsys.readouterr().err


def test_a_failure_of_the_program_is_exit_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken_plugin_for_main.py").write_text("def domain():\n    raise ValueError('oh')\n")
    sys.path.insert(0, str(tmp_path))
    try:
        assert main(["plan", "--set", "tasks.domain=broken_plugin_for_main:domain"]) == 3
    finally:
        sys.path.remove(str(tmp_path))
    err = capsys.readouterr().err
    assert "ValueError: oh" in err
    assert err.endswith("not of your input\n")


@pytest.mark.parametrize("module", ["iterdeploy", "iterdeploy.cli"])
def test_a_reader_that_leaves_is_no_error(module: str) -> None:
    program = [sys.executable, "-m", module, "presets"]
    piped = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert piped.stdout is not None
    piped.stdout.close()
    _, err = piped.communicate(timeout=30)
    assert err == b""
