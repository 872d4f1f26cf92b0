"""The process of a run's worker: ``python -m governed_kernel.release WORKSPACE RUN``."""

import sys

from governed_kernel.deferred import defer_iri_grammars

if __name__ == "__main__":
    defer_iri_grammars()
    from governed_kernel.release.worker import main  # papermill would load them

    sys.exit(main(sys.argv[1:]))
