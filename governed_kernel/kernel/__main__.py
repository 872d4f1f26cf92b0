"""``python -m governed_kernel.kernel``: started by a recorder, never by hand."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import governed_kernel.forking  # noqa: F401 - before IPython, whose hook at a fork waits for a thread

# As ipykernel_launcher does: nothing in the working directory may stand in for a library
# while the kernel starts. IPython puts it back for the cells.
if sys.path[0] in ("", os.getcwd()):  # noqa: PTH109
    del sys.path[0]

# Threads of libgomp that wait spin by default, and steal the time of those that compute: training
# with two threads on two busy cores took nearly four times as long. Read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

gc.disable()  # until all is loaded that stays: to look for garbage in it takes a tenth of the time

from ipykernel.kernelapp import IPKernelApp

from governed_kernel.errors import GovernedError
from governed_kernel.kernel.decisions import decider
from governed_kernel.kernel.kernel import GovernedKernel
from governed_kernel.kernel.link import RecorderLink
from governed_kernel.kernel.output import avoid_network


class ReleaseKernelApp(IPKernelApp):
    """Reads no configuration: it lies outside what a release is bound to, and can hold code."""

    def load_config_file(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    def _run_startup_files(self) -> None:
        """Nothing: IPython would run those of the machine and of the interpreter's folder."""


def main() -> None:
    """Start the kernel, or say why not."""
    try:
        GovernedKernel.link = RecorderLink.from_environment(decider)
        GovernedKernel.link.status()
    except GovernedError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    avoid_network()
    gc.enable()
    is_release = os.environ.get("GOVERNED_MODE") == "release"
    application = ReleaseKernelApp if is_release else IPKernelApp
    application.launch_instance(kernel_class=GovernedKernel)


if __name__ == "__main__":
    main()
