"""Programs of a model: hidden cases by a reference, a sandbox that holds, and no way to forge a verdict."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from iterdeploy.check import check_domain
from iterdeploy.domains import sandbox
from iterdeploy.domains.code import CodeDomain, behaviour, judged, open_code
from iterdeploy.errors import BadInput
from iterdeploy.recipe import Base, Recipe, Tasks
from iterdeploy.types import Task, Trace


def works() -> bool:
    try:
        sandbox.open_sandbox()
    except BadInput:
        return False
    return True


held = pytest.mark.skipif(not works(), reason="no working bubblewrap here; the refusal is tested instead")
SIZES = (2, 3, 4)


def opened(prompt: str = "paper", judging: bool = True) -> CodeDomain:
    return open_code(Recipe(tasks=Tasks(domain="code", sizes=SIZES), base=Base(prompt=prompt)), judging)


def trace(task: Task, text: str) -> Trace:
    return Trace("t", task.id, 0, 0, "m", text, (), (), (), "stop")


def valid(source: str) -> bool:
    domain = opened()
    (task,) = domain.tasks("deployed", 1, (2,), 0)
    source = source.replace("REFERENCE", domain.reference(task))
    return domain.validate(task, trace(task, f"<answer>{source}</answer>")).valid


@held
def test_the_domain_keeps_its_promises() -> None:
    findings = check_domain(opened(), sizes=SIZES, count=9)
    assert not [finding for finding in findings if not finding.kept and "quick" not in finding.promise]


@held
def test_references_pass_and_others_fail() -> None:
    domain = opened()
    tasks = domain.tasks("deployed", 6, SIZES, 1)
    programs = [domain.reference(task) for task in tasks]
    for i, task in enumerate(tasks):
        assert domain.validate(task, trace(task, f"<answer>\n```python\n{programs[i]}\n```\n</answer>")).valid
        assert not domain.validate(task, trace(task, f"<answer>{programs[i - 1]}</answer>")).valid


def test_splits_never_share_a_behaviour() -> None:
    domain = opened(judging=False)
    deployed = domain.tasks("deployed", 40, SIZES, 0)
    heldout = domain.tasks("heldout", 30, SIZES, 5)
    assert not {t.spec["canonical"] for t in deployed} & {t.spec["canonical"] for t in heldout}
    assert domain.tasks("deployed", 40, SIZES, 0) == deployed
    assert behaviour(("reverse", "sort")) == behaviour(("sort",)) != behaviour(("reverse",))
    for task in deployed:
        assert not [x for x in json.loads(task.spec["inputs"]) if x and str(x) in task.prompt]
    assert opened("compact", judging=False).tasks("deployed", 3, (3,), 0)[0].prompt.endswith("\n<think>")


ESCAPES = {
    **sandbox.PROBES,
    "read the password file": "def f(x):\n    return open('/etc/passwd').read()",
    "import what is not there yet": "def f(x):\n    import sqlite3\n    return 1",
    "a thread": "import _thread\ndef f(x):\n    _thread.start_new_thread(print, ())\n    return 1",
    "a command": "import os\ndef f(x):\n    return [1][os.system('true')]",
    "kill the parent": "import os\ndef f(x):\n    os.kill(os.getppid(), 9)\n    return 1",
    "lift the limits": (
        "import resource\ndef f(x):\n    resource.setrlimit(resource.RLIMIT_CPU, (-1, -1))\n    return 1"
    ),
    "a system call by number": (
        "import ctypes\ndef f(x):\n    n = ctypes.CDLL(None).syscall(39)\n    return None if n < 0 else n"
    ),
    "sleep": "import time\ndef f(x):\n    time.sleep(100)\n    return 1",
    "recursion in C": "def f(x):\n    d = []\n    for i in range(10**6):\n        d = [d]\n    return d",
}


@held
@pytest.mark.parametrize("what", ESCAPES)
def test_the_sandbox_refuses(what: str) -> None:
    assert sandbox.open_sandbox().values(ESCAPES[what], [[1]]) in (None, [None])


FORGERIES = {
    "says it passed": "print('passed')\nprint('[[1]]')",
    "leaves at once": "import sys\nsys.exit(0)",
    "leaves hard": "import os\nos._exit(0)",
    "writes at the end": "import atexit, os\natexit.register(lambda: os.write(1, b'[true]'))\ndef f(x):\n    return 0",
    "equals everything": "class E:\n    def __eq__(self, o): return True\ndef f(x):\n    return E()",
    "a list that equals everything": "class E(list):\n    __eq__ = lambda s, o: True\ndef f(x):\n    return E()",
    "a number that equals all": "class E(int):\n    __eq__ = lambda s, o: True\ndef f(x):\n    return E(1)",
    "changes the writer": "import json\njson.dumps = lambda *a, **k: '[true]'\ndef f(x):\n    return 0",
    "looks for what is expected": (
        "import sys\nf = sys._getframe(2)\nkept = f.f_locals.get('asked') or {}\n"
        "def f(x):\n    return kept['results'][kept['inputs'].index(x)]"
    ),
    "the right values and a word": "REFERENCE\nimport os\nos.write(1, b' ')\nos.write(1, b'x')",
    "true for one": "def f(x):\n    return True",
    "nothing at all": "pass",
    "not a number": "def f(x):\n    return float('nan')",
    "a huge number": "def f(x):\n    return 10 ** 5000",
}


@held
@pytest.mark.parametrize("what", FORGERIES)
def test_no_verdict_can_be_forged(what: str) -> None:
    assert not valid(FORGERIES[what])
    assert valid("REFERENCE")


def test_values_are_compared_with_their_types() -> None:
    assert judged([1], [1]) == (None, "")
    assert all(judged(values, [1])[0] for values in ([True], [1.0], ["1"], [[1]], [None], None))


def test_without_a_sandbox_the_domain_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.open_sandbox.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BadInput, match="bubblewrap is not installed"):
        opened()
    monkeypatch.setattr(sandbox, "_command", lambda bwrap: ("/bin/false",))
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/false")
    with pytest.raises(BadInput, match="does not run here"):
        opened()
    leaky = "import json, sys\nprint(json.dumps([sorted(x) or 1 for x in json.load(sys.stdin)['inputs']]))"
    monkeypatch.setattr(sandbox, "_command", lambda bwrap: (sys.executable, "-c", leaky))
    with pytest.raises(BadInput, match="a program in it could open a file"):
        opened()
    sandbox.open_sandbox.cache_clear()
