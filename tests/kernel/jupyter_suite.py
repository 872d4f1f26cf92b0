"""The Jupyter project's tests of kernels, run over one: ``… jupyter_suite KERNEL``."""

from __future__ import annotations

import sys
import unittest

import jupyter_kernel_test

HTML = "from IPython.display import HTML, display; display(HTML('<b>x</b>'))"


class TheKernel(jupyter_kernel_test.KernelTests):  # type: ignore[misc]  # it is untyped
    kernel_name = sys.argv.pop()
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]  # noqa: RUF012
    complete_code_samples = ["1", "print('hello, world')"]  # noqa: RUF012
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]  # noqa: RUF012
    invalid_code_samples = ["import = 7q"]  # noqa: RUF012
    code_page_something = "zip?"
    code_generate_error = "raise"
    code_execute_result = [{"code": "1+2+3", "result": "6"}]  # noqa: RUF012
    code_display_data = [{"code": HTML, "mime": "text/html"}]  # noqa: RUF012
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


if __name__ == "__main__":
    unittest.main(verbosity=2)
