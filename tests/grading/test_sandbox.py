"""What student code can and cannot do in the process where it is graded."""

import json
import os
import sys
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell

from embgan_edu.grading.sandbox import Limits, Sandbox, Stopped, execute

pytestmark = [
    pytest.mark.grading,
    pytest.mark.skipif(sys.platform == "win32", reason="grading needs limits of the system"),
]
ROOT = Path(__file__).parents[2]
LINUX = sys.platform.startswith("linux")
QUICK = Limits(cell_seconds=5, memory=2_000_000_000)


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    with Sandbox(Limits(cell_seconds=20, memory=2_000_000_000)) as sandbox:
        yield sandbox


def test_plain_code_runs_and_keeps_its_names(sandbox: Sandbox) -> None:
    assert sandbox.run("a = 6") == {"output": "", "error": ""}
    assert sandbox.run("print(a * 7)")["output"] == "42\n"
    assert sandbox.run("a +")["error"].startswith("SyntaxError")
    reply = sandbox.run("1 / 0")
    assert reply["error"] == "ZeroDivisionError: division by zero"
    assert sandbox.run("print(a)")["output"] == "6\n"


def test_what_exercises_need_is_there(sandbox: Sandbox) -> None:
    for source in (
        "import sklearn.linear_model, scipy.stats, pandas",
        "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.savefig('plot.png')",
        "%matplotlib inline",
        "import torch; torch.nn.Linear(3, 2)(torch.zeros(4, 3)).sum().backward()",
        "from pathlib import Path; Path('note.txt').write_text('mine'); open('note.txt').read()",
        "from sklearn.cluster import KMeans; KMeans(2, n_init=1).fit([[0.], [1.], [5.]])",
    ):
        assert sandbox.run(source)["error"] == "", source


@pytest.mark.parametrize(
    "source",
    [
        "import socket; socket.create_connection(('93.184.216.34', 80), 2)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "import urllib.request; urllib.request.urlopen('http://example.org')",
        "import socket; socket.getaddrinfo('example.org', 80)",
    ],
)
def test_there_is_no_network(sandbox: Sandbox, source: str) -> None:
    assert "An exercise may not use the network" in sandbox.run(source)["error"]


@pytest.mark.parametrize(
    "source",
    [
        "import os; os.system('true')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.fork()",
        "import os; os.execv('/bin/true', ['true'])",
        "import multiprocessing as m; p = m.Process(target=print); p.start()",
    ],
)
def test_no_program_starts(sandbox: Sandbox, source: str) -> None:
    assert "may not start other programs" in sandbox.run(source)["error"]


def test_solutions_other_submissions_and_the_gradebook_cannot_be_read(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    theirs = tmp_path / "other.ipynb"
    theirs.write_text("secret")
    secrets = [
        ROOT / "solutions" / "ex04" / "ex04.ipynb",
        ROOT / "tests" / "submissions" / "ch04.py",
        theirs,
        Path.home() / ".bashrc",
        Path("/proc") / str(os.getpid()) / "environ",
    ]
    for path in secrets:
        for source in (
            f"open({str(path)!r}).read()",
            f"import os; os.open({str(path)!r}, os.O_RDONLY)",
            f"import numpy as np; np.fromfile({str(path)!r})",
        ):
            error = sandbox.run(source)["error"]
            assert "may not read" in error or "Permission" in error, source
    for folder in (ROOT, ROOT / "solutions", tmp_path.parent):
        assert "may not read" in sandbox.run(f"import os; os.listdir({str(folder)!r})")["error"]


def test_nothing_can_be_written_elsewhere(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "left.txt"
    assert "may not write" in sandbox.run(f"open({str(target)!r}, 'w')")["error"]
    package = ROOT / "embgan_edu" / "checks" / "planted.py"
    assert "may not write" in sandbox.run(f"open({str(package)!r}, 'w')")["error"]
    assert not target.exists() and not package.exists()


@pytest.mark.skipif(not LINUX, reason="only Linux lets a process give up its rights for good")
def test_the_kernel_holds_where_python_is_left(sandbox: Sandbox, tmp_path: Path) -> None:
    # By ctypes the C library is called directly, and no audit hook hears of it.
    if "Landlock" not in sandbox.layers:
        pytest.skip("this kernel, or this container, has no Landlock")
    secret = ROOT / "solutions" / "ex04" / "ex04.ipynb"
    assert sandbox.run("import ctypes; c = ctypes.CDLL(None, use_errno=True)")["error"] == ""
    opened = sandbox.run(f"print(c.open({str(secret).encode()!r}, 0), ctypes.get_errno())")
    assert opened["output"] == "-1 13\n"
    written = sandbox.run(f"print(c.open({str(tmp_path / 'x').encode()!r}, 0o102, 0o600))")
    assert written["output"] == "-1\n"
    started = sandbox.run("print(c.system(b'true') != 0)")
    assert started["output"] == "True\n"
    killed = sandbox.run(f"print(c.kill({os.getpid()}, 0))")
    assert killed["output"] == "-1\n"
    if "no network" in sandbox.layers:
        address = "(ctypes.c_ubyte * 16)(2, 0, 0, 53, 8, 8, 8, 8)"
        code = f"s = c.socket(2, 2, 0); print(c.connect(s, {address}, 16))"
        assert sandbox.run(code)["output"] == "-1\n"


def test_the_environment_of_the_grader_is_not_there(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "123")
    with Sandbox(QUICK) as other:
        assert other.run("import os; print(os.environ.get('SECRET_TOKEN'))")["output"] == "None\n"


def test_much_printing_is_stopped_and_cut(sandbox: Sandbox) -> None:
    reply = sandbox.run("while True: print('spam' * 1000)")
    assert reply["error"].startswith("TooMuchPrinted") and len(reply["output"]) < 4000
    assert sandbox.run("import os; os.write(1, b'noise' * 10**6); print('on')")["output"] == "on\n"


@pytest.mark.skipif(not LINUX, reason="only Linux enforces a limit of memory")
def test_a_huge_array_is_refused_and_the_rest_goes_on(sandbox: Sandbox) -> None:
    assert (
        "MemoryError" in sandbox.run("import numpy as np; x = np.zeros(50 * 10**9 // 8)")["error"]
    )
    assert sandbox.run("x = b'x' * 50 * 10**9")["error"].startswith("MemoryError")
    assert sandbox.run("print('still here')")["output"] == "still here\n"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("while True: pass", "not done after 5 seconds"),
        ("import time; time.sleep(100)", "not done after 5 seconds"),
        ("import os; os._exit(0)", "its process ended"),
        ("import ctypes; ctypes.string_at(0)", "its process ended"),
    ],
)
def test_a_cell_that_must_be_stopped_is(source: str, why: str) -> None:
    with Sandbox(QUICK) as sandbox:
        number, folder = sandbox._number, sandbox._folder
        with pytest.raises(Stopped, match=why):
            sandbox.run(source)
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
        assert not folder.exists()


def test_noise_and_forged_replies_are_no_answers() -> None:
    # The number of the pipe is easily found; what is written there is not trusted.
    noise = (
        "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'%s')\n    except OSError: pass"
    )
    for text in ("nonsense\\n", '{"entries": []}\\n' * 3, "[" * 5000 + "\\n", '{"x": 1}\\n' * 2):
        with Sandbox(QUICK) as sandbox, pytest.raises(Stopped):
            sandbox.run(noise.replace("%s", text))
            sandbox.run("pass")
            sandbox.probe("ex04-1", "nothing", 1)


def test_one_endless_loop_costs_one_exercise() -> None:
    cells = [
        new_code_cell("a = 1"),
        new_code_cell("while True: pass"),
        new_code_cell("def loss(real, fake):\n    while True: pass"),
        new_code_cell('check("ex04-1", loss)', metadata={"nbgrader": {"grade": True}}),
        new_code_cell("def leaks(*arguments): return bool(a)"),
        new_code_cell('check("ex04-3", leaks)', metadata={"nbgrader": {"grade": True}}),
    ]
    # An honest call must not take as long on a busy machine.
    found = execute(cells, seed=5, limits=Limits(cell_seconds=8))
    assert found.stopped.keys() == {1, 3}
    assert found.entries.keys() == {5}
    assert found.entries[5][0]["items"][0] == {"kind": "truth value", "value": True}


def test_a_notebook_has_a_limit_as_a_whole() -> None:
    cells = [new_code_cell("import time; time.sleep(2)"), new_code_cell("print('late')")]
    found = execute(cells, seed=5, limits=Limits(submission_seconds=1))
    assert "whole notebook" in found.stopped[1]
    assert json.dumps(found.outputs)
