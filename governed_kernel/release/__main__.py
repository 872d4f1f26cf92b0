"""The process of a run's worker: ``python -m governed_kernel.release WORKSPACE RUN``."""

import gc
import sys

from governed_kernel.deferred import defer_iri_grammars

if __name__ == "__main__":
    defer_iri_grammars()
    gc.disable()  # what is loaded stays: to look for garbage in it takes a fifth of the time
    from governed_kernel.release.worker import main  # papermill would load them

    gc.freeze()
    gc.enable()
    sys.exit(main(sys.argv[1:]))
