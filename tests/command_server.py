"""Commands as forks of a process that has imported TensorFlow, which takes long, but not used it.

Everything else of a command is its own: its flags, its imports of ours, its exit.
"""

import functools
import json
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
import traceback

_HERE = pathlib.Path(__file__).parent
_SERVE = "import command_server; command_server.serve()"


def run(module, *arguments):
    """Runs `python -m module arguments` in the current folder; returns status and both outputs."""
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        server = _server()
        server.stdin.write(json.dumps([module, words, os.getcwd(), folder]) + "\n")
        server.stdin.flush()
        status = int(server.stdout.readline())
        out, err = ((pathlib.Path(folder) / name).read_text() for name in ("out", "err"))
    return subprocess.CompletedProcess([module, *words], status, out, err)


@functools.cache
def _server():
    """Starts the process; it ends with this one, whose end closes its input."""
    paths = os.pathsep.join([str(_HERE.parent), str(_HERE)])
    return subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        env={**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def serve():
    """Forks a process for each line of the input; answers with its exit status."""
    import tensorflow

    del tensorflow
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            _become(*json.loads(line))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n")
        sys.stdout.flush()


def _become(module, arguments, cwd, folder):
    """Runs a command and ends the process."""
    os.chdir(cwd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT), number)
    sys.argv = [module, *arguments]
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
