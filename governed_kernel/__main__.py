"""``python -m governed_kernel`` is the command ``governed``."""

from governed_kernel.cli import main

if __name__ == "__main__":
    main()
