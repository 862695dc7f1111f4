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
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
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


def can_fork() -> bool:
    """Whether this system forks safely: Linux; elsewhere kernels start cold."""
    return sys.platform.startswith("linux") and hasattr(os, "fork")


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
    with staging() as folder:
        # Whatever a kernel leaves in its folder for temporary files goes with it.
        env = dict(os.environ) | SAME | {"TMPDIR": str(folder)} | dict(env or {})
        server = Server(env) if (can_fork() if fork is None else fork) else None
        begun: list[Any] = []
        try:
            yield _manager_class(server, env, folder, begun)
        finally:
            if server is not None:
                server.close()
            for provisioner in begun:
                if (process := provisioner.process) is not None:
                    process.kill()


def _allow_files(needed: int) -> None:
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return
    if most != resource.RLIM_INFINITY and most < needed:
        raise RuntimeError(f"notebooks need {needed} open files, {most} are allowed: raise it by `ulimit -n`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))


@cache
def shared(env: tuple[tuple[str, str], ...]) -> type:
    """As `pool`, one for this process and kept until its end: for workers that are sent one notebook at a time."""
    kept = contextlib.ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(pool(dict(env)))


class Server:
    """The other end of the process that forks kernels; requests are answered one at a time."""

    def __init__(self, env: Mapping[str, str]):
        ours, theirs = socket.socketpair()  # not inherited, unless passed on
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
        self.socket = ours
        self.file = ours.makefile("rw", encoding="utf-8")
        self.lock = threading.Lock()
        self.ready = self.closed = False

    def ask(self, **request) -> int | None:
        """The answer to one request; OSError if the process is gone or may not fork, RuntimeError after `close`."""
        with self.lock:
            if self.closed:
                raise RuntimeError("the pool of kernels is closed")
            self.file.write(json.dumps(request) + "\n")
            self.file.flush()
            line = self.file.readline()
        if not line:
            raise OSError("the process that forks kernels has ended")
        self.ready = True
        answer = json.loads(line)
        if "refused" in answer:
            raise OSError(answer["refused"])
        return answer["answer"]

    def close(self) -> None:
        """End the process and every kernel that still runs."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # a thread that waits for an answer gets none
        with contextlib.suppress(OSError, ValueError):
            self.file.close()
        self.socket.close()
        if not self.ready:  # it is still importing, and has no kernels
            self.process.kill()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class ForkedProcess:
    """As much of `subprocess.Popen` as a kernel provisioner uses, for a child of the server."""

    stdin = stdout = stderr = None

    def __init__(self, server: Server, pid: int):
        self.server, self.pid, self.returncode = server, pid, None

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        if self.returncode is None:
            try:
                self.returncode = self.server.ask(do="poll", pid=self.pid)
            except (OSError, ValueError, RuntimeError):
                self.returncode = -signal.SIGKILL  # the server took its kernels with it
        return self.returncode

    def wait(self) -> int | None:
        """The exit code of a process known to have ended."""
        return self.poll()

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

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
            cwd = kwargs.get("cwd") or os.getcwd()
            if server is not None:
                try:
                    arguments = cmd[cmd.index("-f") :]
                    pid = server.ask(do="fork", arguments=arguments, env=kwargs["env"], cwd=str(cwd))
                except (OSError, ValueError):
                    pass
                else:
                    self.process, self.pid, self.pgid = ForkedProcess(server, pid), pid, pid
                    self.cwd = cwd
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

        async def _async_start_kernel(self, **kwargs):
            return await super()._async_start_kernel(**({"env": dict(env)} | kwargs))

        start_kernel = _async_start_kernel

    return Manager


def _serve(connection: socket.socket) -> list[str] | None:
    """Answer requests; returns only in a forked child, with the kernel's arguments, or at the end, with None."""
    file = connection.makefile("rw", encoding="utf-8")
    children: dict[int, int | None] = {}
    for line in file:
        request = json.loads(line)
        if request["do"] == "fork":
            if threads := _threads():
                answer = {"refused": f"threads run here: {', '.join(threads)}"}
            else:
                pid = os.fork()
                if pid == 0:
                    os.close(connection.detach())
                    _become(request["env"], request["cwd"])
                    return request["arguments"]
                children[pid] = None
                answer = {"answer": pid}
        else:
            answer = {"answer": _poll(children, request["pid"])}
        file.write(json.dumps(answer) + "\n")
        file.flush()
    for pid in children:
        if _poll(children, pid) is None:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
    return None


def _poll(children: dict[int, int | None], pid: int) -> int | None:
    if children[pid] is None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children[pid] = os.waitstatus_to_exitcode(status)
    return children[pid]


def _threads() -> list[str]:
    """Names of threads that a fork would leave behind with their locks held."""
    names = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    for task in Path("/proc/self/task").iterdir():
        name = (task / "comm").read_text().strip()
        if int(task.name) != os.getpid() and name not in HARMLESS_THREADS:
            names.append(name)
    return names


def _become(env: dict[str, str], cwd: str) -> None:
    """What a process started from nothing would have of its own."""
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    import numpy as np

    np.random.seed(None)  # noqa: NPY002  # the legacy generator was seeded before the fork


def _preimport() -> None:
    from analysis.fingerprint import modules

    for name in (*IMPORTS, *modules()):
        # A module that fails to import fails again, with its message, in the notebook that needs it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def main() -> None:
    """Import, then fork kernels until the socket closes."""
    import gc

    connection = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(connection.fileno(), False)
    _preimport()
    gc.collect()
    gc.freeze()
    arguments = _serve(connection)
    if arguments is not None:
        from ipykernel.kernelapp import IPKernelApp

        sys.argv = ["ipykernel_launcher", *arguments]
        IPKernelApp.launch_instance(argv=arguments, parent_handle=os.getppid())


if __name__ == "__main__":
    main()
