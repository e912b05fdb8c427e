from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from edgekit.errors import SourceError
from edgekit.quiet import framework_environment, quiet

# Prints through every way that a library may use, muted and not.
NOISE = """
import ctypes, json, os, subprocess, sys
from edgekit.quiet import quiet
c = ctypes.CDLL(None)
def noise(word):
    print(word, "print"); print(word, "print", file=sys.stderr)
    c.printf(b"%s printf\\n", word.encode())
    os.write(1, f"{word} fd\\n".encode()); os.write(2, f"{word} fd\\n".encode())
    subprocess.run(["sh", "-c", f"echo {word} child; echo {word} child >&2"])
noise("before")
with quiet() as outer:
    noise("muted")
    with quiet() as inner:
        noise("muted")
        assert inner is outer
    noise("muted")
    inner.out.write(json.dumps({"real": True}) + "\\n")
    inner.err.write("progress\\n")
noise("after")
assert outer.tail(100).count("muted") == 21, outer.tail(100)
"""

CLOSED = """
import os, sys
from edgekit.quiet import quiet
for fd in {fds}:
    os.close(fd)
for _ in range(3):
    with quiet() as q:
        os.write(1, b"one"); os.write(2, b"two")
        q.out.write("x"); q.err.write("y")
    assert q.tail() == "onetwo", q.tail()
for fd in {fds}:
    try:
        os.fstat(fd)
    except OSError:
        continue
    raise SystemExit(f"{{fd}} was left open")
os._exit(7)
"""


def test_nothing_leaks_and_everything_is_restored(start) -> None:
    with start(NOISE) as child:
        out, err = child.communicate()
    assert child.returncode == 0, err
    assert "muted" not in out + err
    assert out.count("before") == out.count("after") == 4
    assert err.count("before") == err.count("after") == 3
    assert [json.loads(line) for line in out.splitlines() if line.startswith("{")] == [
        {"real": True}
    ]
    assert "progress" in err


@pytest.mark.parametrize("fds", [(1,), (2,), (1, 2), (0, 1, 2)])
def test_closed_streams(start, fds: tuple[int, ...]) -> None:
    with start(CLOSED.format(fds=fds)) as child:
        _, err = child.communicate()
    assert child.returncode == 7, err


def test_streams_closed_from_the_start(start) -> None:
    code = """
from edgekit.quiet import quiet
import os, sys
assert sys.stdout is None
with quiet() as q:
    print("lost"); os.write(1, b"seen"); q.out.write("nowhere")
assert q.tail() == "seen", q.tail()
sys.exit(7)
"""
    with start(code, preexec_fn=lambda: __import__("os").close(1), stdout=None) as child:
        _, err = child.communicate()
    assert child.returncode == 7, err


def test_under_capture(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet() as muted:
        subprocess.run(["sh", "-c", "echo child"], check=True)
        print("muted")
        print("real", file=muted.out)
    print("after")
    assert capfd.readouterr().out == "real\nafter\n"
    assert set(muted.tail().split()) == {"child", "muted"}


def test_under_python_capture(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet() as muted:
        print("muted")
        print("real", file=muted.out)
    print("after")
    assert capsys.readouterr().out == "real\nafter\n"
    assert muted.tail() == "muted"


def test_a_library_that_kept_the_stream_writes_on(capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    with quiet():
        kept = sys.stdout
        kept.write("muted\n")
    kept.write("later\n")
    assert capsys.readouterr().out == "later\n"


def test_a_bug_carries_what_was_printed_last() -> None:
    with pytest.raises(ZeroDivisionError) as caught, quiet(), quiet():
        print("the cause")
        raise ZeroDivisionError
    assert caught.value.__notes__ == ["The libraries last printed:\nthe cause"]


def test_an_error_of_ours_stays_one_line() -> None:
    with pytest.raises(SourceError) as caught, quiet():
        print("noise")
        raise SourceError("one line")
    assert not hasattr(caught.value, "__notes__")


def test_the_tail_is_short() -> None:
    with quiet() as muted:
        for number in range(10_000):
            print(number)
    assert muted.tail(3) == "9997\n9998\n9999"


def test_threads_share_one_log(start, tmp_path: Path) -> None:
    code = """
import os, time
from concurrent.futures import ThreadPoolExecutor
from edgekit.quiet import quiet
def work(n):
    for _ in range(50):
        with quiet():
            os.write(1, b"muted ")
with ThreadPoolExecutor(8) as pool:
    list(pool.map(work, range(8)))
print("after")
"""
    with start(code) as child:
        out, err = child.communicate()
    assert (child.returncode, out) == (0, "after\n"), err


def test_no_descriptor_leaks() -> None:
    with quiet():
        pass
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with quiet() as muted:
            muted.out.write("")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_environment_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    framework_environment()
    assert os.environ["KERAS_BACKEND"] == "jax"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"


SWALLOWS = """
import os, signal, sys
from pathlib import Path
from edgekit.cache import Cache, key
from edgekit.quiet import quiet

def fill(folder):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass
    except KeyboardInterrupt:
        {instead}

cache = Cache(Path(sys.argv[1]))
try:
    with quiet():
        cache.put(key("stage"), fill)
except KeyboardInterrupt:
    assert cache.get(key("stage")) is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with quiet():
        cache.put(key("stage"), lambda folder: None)
    print("interrupted")
"""


@pytest.mark.parametrize("instead", ["pass", "raise TypeError('returned with an exception set')"])
def test_a_library_cannot_swallow_ctrl_c(tmp_path: Path, start, instead: str) -> None:
    with start(SWALLOWS.format(instead=instead), str(tmp_path)) as child:
        out, err = child.communicate()
    assert (out, err) == ("interrupted\n", "")
