"""Runs commands in forked processes, and sends each a signal when it says that a stage begins.

A job is {"words": [...], "env": {...}, "stage": str or null, "signal": int, "delay_s": float,
"group": bool}. The answer to each is {"code": exit code, or minus the signal, "out", "err", "hit"}.
The frameworks are imported once, here: importing them costs ten times what a job does.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import tempfile
import time
from typing import Any

from edgekit.startup import this_process_is_ours


def main() -> None:
    from edgekit.quiet import framework_environment

    framework_environment()
    jobs = json.load(sys.stdin)
    import ai_edge_litert.interpreter  # noqa: F401
    import h5py  # noqa: F401
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    sys.stdout.write(json.dumps([answer(job) for job in jobs]))


def answer(job: dict[str, Any]) -> dict[str, Any]:
    started = [start(job) for _ in range(job.get("copies", 1))]
    ended = [end(job, *each) for each in started]
    return {**ended[0], "codes": [e["code"] for e in ended], "errs": [e["err"] for e in ended]}


def start(job: dict[str, Any]) -> tuple[int, int, Any]:
    read, write = os.pipe()
    out = tempfile.TemporaryFile()  # noqa: SIM115 - end closes it
    child = os.fork()
    if child == 0:
        os.close(read)
        run(job, out.fileno(), write)
    os.close(write)
    return child, read, out


def end(job: dict[str, Any], child: int, read: int, out: Any) -> dict[str, Any]:
    said, hit = listen(job, read, child)
    _, status = os.waitpid(child, 0)
    with out:
        out.seek(0)
        code = os.waitstatus_to_exitcode(status)
        return {"code": code, "out": out.read().decode(), "err": said, "hit": hit}


def run(job: dict[str, Any], out: int, err: int) -> None:
    os.setpgid(0, 0)
    atexit._clear()  # that is the parent's
    this_process_is_ours()
    os.environ.update(job.get("env", {}))
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(out, 1)
    os.dup2(err, 2)
    code = 70
    try:
        from edgekit.cli import main as command

        command(job["words"], prog_name="edgekit")
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def listen(job: dict[str, Any], read: int, child: int) -> tuple[str, bool]:
    said, hit = [], False
    with os.fdopen(read) as lines:
        for line in lines:
            said.append(line)
            if not hit and job.get("stage") and line.startswith(job["stage"]):
                time.sleep(job.get("delay_s", 0.0))
                send = os.killpg if job.get("group") else os.kill
                send(child, job["signal"])
                hit = True
    return "".join(said), hit


if __name__ == "__main__":
    main()
