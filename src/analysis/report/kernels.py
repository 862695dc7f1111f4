"""Clean kernels in under a second: each is forked from one process that has the imports behind it.

`python -m analysis.report.kernels FD` is that process. It imports, runs nothing, listens on the socket FD, forks a
kernel at every request and ends, with its kernels, when the other end of the socket closes.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from analysis.storage import staging

# What every notebook needs besides the modules of `analysis`. Not matplotlib_inline: it attaches to a running kernel.
IMPORTS = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "IPython.core.completer",
    "matplotlib.pyplot",
    "pandas",
)
# Threads that libraries start while being imported, hold no lock at rest and are not needed after a fork.
HARMLESS_THREADS = ("jemalloc_bg_thd", "polars-ooc-clea")

# Kernels run side by side, and give the same last digit whatever the machine's threads, clock and language.
SAME = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR")} | {
    "VECLIB_MAXIMUM_THREADS": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8",
}  # fmt: skip
FILES = 256  # open at a time: 64 do for two notebooks
LONGEST = 80  # characters of the folder of a socket, whose whole path is at most 107


@contextlib.contextmanager
def pool(env: Mapping[str, str] | None = None, fork: bool | None = None) -> Iterator[type]:
    """A kernel manager class for nbclient or papermill (`kernel_manager_class=`), good inside the `with` block.

    Parameters
    ----------
    env : mapping, optional
        Variables for the kernels, on top of this process's.
    fork : bool, optional
        Fork kernels, or start each cold; as the system allows if not given.

    Raises
    ------
    RuntimeError
        If the system allows too few open files.
    """
    _allow_files(FILES)
    with staging() as folder, contextlib.ExitStack() as ending:
        # Whatever a kernel leaves in its folder for temporary files goes with it.
        env = dict(os.environ) | SAME | {"TMPDIR": str(folder)} | dict(env or {})
        forks = sys.platform.startswith("linux") if fork is None else fork
        server = ending.enter_context(contextlib.closing(Server(env))) if forks else None
        begun: list[Any] = []
        ending.callback(lambda: [kernel.process.kill() for kernel in begun if kernel.process])
        yield _manager_class(server, env, folder, begun)


def _allow_files(needed: int) -> None:
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    allowed, most = (
        needed if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    if most < needed:
        raise RuntimeError(f"notebooks need {needed} open files, {most} are allowed: raise it by `ulimit -n`")
    if allowed < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


@cache
def shared(env: tuple[tuple[str, str], ...]) -> type:
    """As `pool`, one for this process and kept until its end: for workers that are sent one notebook at a time."""
    kept = contextlib.ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(pool(dict(env)))


class Server:
    """The other end of the process that forks kernels; requests are answered one at a time."""

    def __init__(self, env: Mapping[str, str]):
        self.socket, theirs = socket.socketpair()  # not inherited, unless passed on
        self.process = subprocess.Popen(
            [sys.executable, "-m", "analysis.report.kernels", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=dict(env) | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the command line alone, which then closes the socket
        )
        theirs.close()
        self.file = self.socket.makefile("rw", encoding="utf-8")
        self.lock = threading.Lock()

    def fork(self, **request: Any) -> ForkedProcess:
        """A kernel; OSError if the process may not fork or is gone, RuntimeError after `close`."""
        with self.lock:
            if self.file.closed:
                raise RuntimeError("the pool of kernels is closed")
            self.file.write(json.dumps(request) + "\n")
            self.file.flush()
            pid = int(self.file.readline() or -1)
        if pid < 0:
            raise OSError("no kernel was forked")
        return ForkedProcess(pid)

    def close(self) -> None:
        """End the process and every kernel that still runs."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # a thread that waits for an answer gets none
        with contextlib.suppress(OSError, ValueError):
            self.file.close()
        self.socket.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:  # still importing, and without kernels
            self.process.kill()
            self.process.wait()


class ForkedProcess:
    """As much of `subprocess.Popen` as a kernel provisioner uses, for a child of the server."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int):
        self.pid, self.returncode = pid, None
        self.handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """None while it runs; how it ended is not known."""
        if self.returncode is None and select.select([self.handle], [], [], 0)[0]:
            self.returncode = -1
            os.close(self.handle)
        return self.returncode

    wait = poll  # called once it has ended

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, if it still runs."""
        if self.poll() is None:
            signal.pidfd_send_signal(self.handle, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def _manager_class(server: Server | None, env: dict[str, str], folder: Path, begun: list[Any]) -> type:
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning import LocalProvisioner

    class Provisioner(LocalProvisioner):
        """Forks where it can; a refusal means one cold kernel."""

        async def launch_kernel(self, cmd: list[str], **kwargs):
            begun.append(self)
            kwargs["env"] = kwargs["env"] | env
            if server is not None:
                cwd = str(kwargs.get("cwd") or os.getcwd())
                with contextlib.suppress(OSError):
                    arguments = cmd[cmd.index("-f") :]
                    self.process = server.fork(arguments=arguments, env=kwargs["env"], cwd=cwd)
                    self.pid = self.pgid = self.process.pid
                    return self.connection_info
            return await super().launch_kernel(cmd, **kwargs)

        async def wait(self) -> int | None:
            import asyncio

            while self.process and self.process.poll() is None:
                await asyncio.sleep(0.01)
            return await super().wait()

    class Manager(AsyncKernelManager):
        """One kernel of the pool: over IPC, so that parallel starts cannot race for a port."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.kernel_id = str(uuid.uuid4())
            self.connection_file = str(folder / f"{self.kernel_id[:8]}.json")
            if os.name == "posix" and len(str(folder)) < LONGEST:
                self.transport = "ipc"
                self.ip = str(folder / self.kernel_id[:8])
            self.provisioner = Provisioner(
                kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
            )

    return Manager


def _serve(connection: socket.socket) -> list[str] | None:
    """Fork a kernel a request; returns only in a forked child, with its arguments, or at the end, with None."""
    file = connection.makefile("rw", encoding="utf-8")
    kernels = []  # none is waited for, so that no other process takes its number
    for line in file:
        request = json.loads(line)
        pid = os.fork() if _alone() else -1
        if pid == 0:
            os.close(connection.detach())
            _become(request["env"], request["cwd"])
            return request["arguments"]
        kernels += [pid] if pid > 0 else []
        file.write(f"{pid}\n")
        file.flush()
    for pid in kernels:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    return None


def _alone() -> bool:
    """Whether no thread runs that a fork would leave behind with its locks held."""
    others = [task for task in Path("/proc/self/task").iterdir() if int(task.name) != os.getpid()]
    return all((task / "comm").read_text().strip() in HARMLESS_THREADS for task in others)


def _become(env: dict[str, str], cwd: str) -> None:
    """What a process started from nothing would have of its own."""
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    import numpy as np

    np.random.seed(None)  # noqa: NPY002  # the legacy generator was seeded before the fork


def _rehearse() -> None:
    """Draw and write once in each language, so that no kernel has to read fonts and catalogues again."""
    from analysis import figures, words
    from analysis.figures.drawing import canvas

    for language in words.LANGUAGES:
        with words.using(language), figures.style():
            figures.svg(canvas(), "rehearsal", " ".join((words._("Day"), words.date(date.today()))))


def main() -> None:
    """Import, then fork kernels until the socket closes."""
    import gc

    from analysis.fingerprint import modules

    connection = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(connection.fileno(), False)
    for name in (*IMPORTS, *modules()):
        # A module that fails to import fails again, with its message, in the notebook that needs it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    with contextlib.suppress(Exception):
        _rehearse()
    gc.collect()
    gc.freeze()
    arguments = _serve(connection)
    if arguments is not None:
        from ipykernel.kernelapp import IPKernelApp

        sys.argv = ["ipykernel_launcher", *arguments]
        IPKernelApp.launch_instance(argv=arguments, parent_handle=os.getppid())


if __name__ == "__main__":
    main()
