"""That this file is here puts its folder on the path, so that tests can import `rows` and `fake_run`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")  # a busy machine is no failure

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # so it is in the background of a shell, and the programs that tests interrupt would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny real model that solves some of `tiny.tasks()`."""
    import tiny  # here, for it takes torch, which most tests do without

    return tiny.make(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """A Ray cluster of three nodes on this machine."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'iterdeploy[ray]'")
    import nodes

    with nodes.started() as joined:
        yield joined
