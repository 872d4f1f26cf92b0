"""Threads, tasks and other processes: who did it, and for which cell."""

from __future__ import annotations

from dataclasses import replace

from .idiom import Idiom, executes, group, reads, writes

__all__ = ["IDIOMS"]

IDIOMS = group(
    "threads, tasks, processes",
    Idiom(
        "threading",
        "threading",
        """
        import threading
        thread = threading.Thread(target=lambda: open('people.csv').read())
        thread.start(); thread.join()
        """,
        (reads("people.csv"),),
    ),
    Idiom(
        "ThreadPoolExecutor",
        "concurrent.futures",
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda name: open(name).read(), ['people.csv', 'text.txt']))
        """,
        (reads("people.csv"), reads("text.txt")),
    ),
    Idiom(
        "a pool of threads from an earlier cell",
        "concurrent.futures",
        "early_pool.submit(lambda: open('early-pool.csv').read()).result(); early_pool.shutdown()",
        (reads("early-pool.csv"),),
        before="""
from concurrent.futures import ThreadPoolExecutor
early_pool = ThreadPoolExecutor(1)
early_pool.submit(str).result()
""",
    ),
    Idiom(
        "multiprocessing's pool of threads from an earlier cell",
        "multiprocessing",
        "early_threads.map(lambda name: open(name).read(), ['early-threads.csv'])\n"
        "early_threads.close()",
        # A thread belongs to the cell that started it; only executors tell what they are given.
        (replace(reads("early-threads.csv"), before=True),),
        before="from multiprocessing.pool import ThreadPool; early_threads = ThreadPool(1)",
    ),
    Idiom(
        "asyncio.to_thread",
        "asyncio",
        """
        import asyncio
        await asyncio.to_thread(lambda: open('people.csv').read())
        """,
        (reads("people.csv"),),
    ),
    Idiom(
        "a task of asyncio",
        "asyncio",
        """
        import asyncio
        async def read():
            await asyncio.sleep(0)
            return open('people.csv').read()
        await asyncio.create_task(read())
        """,
        (reads("people.csv"),),
    ),
    Idiom(
        "loop.run_in_executor, used in an earlier cell too",
        "asyncio",
        "await loop.run_in_executor(None, lambda: open('early-executor.csv').read())",
        (reads("early-executor.csv"),),
        before="""
import asyncio
loop = asyncio.get_running_loop()
await loop.run_in_executor(None, str)
""",
    ),
    Idiom(
        "subprocess, cat",
        "subprocess",
        "import subprocess; subprocess.run(['cat', 'people.csv'], capture_output=True)",
        (executes("cat"), reads("people.csv")),
        in_notes=True,
    ),
    Idiom(
        "subprocess through the shell",
        "subprocess",
        "import subprocess; subprocess.run('cat people.csv | wc > out/count.txt', shell=True)",
        (executes("sh"), executes("cat"), reads("people.csv"), writes("out/count.txt")),
        incidental=("file:///usr/bin/wc",),
    ),
    Idiom(
        "a file as a program's standard input",
        "subprocess",
        """
        import subprocess
        with open('people.csv') as file:
            subprocess.run(['cat'], stdin=file, capture_output=True)
        """,
        (executes("cat"), reads("people.csv")),
    ),
    Idiom(
        "a static binary",
        "subprocess",
        "import subprocess; subprocess.run(['busybox', 'cat', 'people.csv'], capture_output=True)",
        (executes("busybox"), reads("people.csv")),
        needs=("program:busybox",),
        in_notes=True,
    ),
    Idiom(
        "another Python",
        "subprocess",
        """
        import subprocess, sys
        subprocess.run([sys.executable, '-I', '-c', "open('people.csv').read()"])
        """,
        (executes("python*"), reads("people.csv")),
    ),
    Idiom(
        "os.system",
        "os",
        "import os; os.system('cat people.csv > out/system.csv')",
        (executes("sh"), reads("people.csv"), writes("out/system.csv")),
        incidental=("file:///usr/bin/cat",),
    ),
    Idiom(
        "os.popen",
        "os",
        "import os; os.popen('cat people.csv').read()",
        (executes("sh"), reads("people.csv")),
        incidental=("file:///usr/bin/cat",),
    ),
    Idiom(
        "os.posix_spawn",
        "os",
        """
        import os
        pid = os.posix_spawn('/bin/cp', ['cp', 'people.csv', 'out/spawned.csv'], os.environ)
        os.waitpid(pid, 0)
        """,
        (executes("cp"), reads("people.csv"), writes("out/spawned.csv")),
    ),
    Idiom(
        "os.fork",
        "os",
        """
        import os, warnings
        warnings.simplefilter('ignore', DeprecationWarning)
        pid = os.fork()
        if pid == 0:
            try:
                open('people.csv').read()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        """,
        (reads("people.csv"),),
    ),
    Idiom(
        "asyncio's subprocess",
        "asyncio",
        """
        import asyncio
        process = await asyncio.create_subprocess_exec(
            'cat', 'people.csv', stdout=asyncio.subprocess.DEVNULL)
        await process.wait()
        """,
        (executes("cat"), reads("people.csv")),
    ),
    Idiom(
        "multiprocessing, fork",
        "multiprocessing",
        """
        import multiprocessing
        context = multiprocessing.get_context('fork')
        process = context.Process(target=lambda: open('people.csv').read())
        process.start(); process.join()
        """,
        (reads("people.csv"),),
        in_notes=True,
    ),
    Idiom(
        "multiprocessing, spawn",
        "multiprocessing",
        """
        import multiprocessing, pathlib
        process = multiprocessing.get_context('spawn').Process(
            target=pathlib.Path.read_text, args=(pathlib.Path('people.csv'),))
        process.start(); process.join()
        """,
        (reads("people.csv"),),
        incidental=("file://*/python3*",),
        in_notes=True,
    ),
    Idiom(
        "multiprocessing, forkserver",
        "multiprocessing",
        """
        import multiprocessing, pathlib
        process = multiprocessing.get_context('forkserver').Process(
            target=pathlib.Path.read_text, args=(pathlib.Path('people.csv'),))
        process.start(); process.join()
        """,
        (reads("people.csv"),),
        incidental=("file://*/python3*", "unix://*"),
    ),
    Idiom(
        "a pool of forked workers",
        "multiprocessing",
        """
        import multiprocessing, pathlib
        with multiprocessing.get_context('fork').Pool(2) as pool:
            pool.map(pathlib.Path.read_text, [pathlib.Path('people.csv'), pathlib.Path('text.txt')])
        """,
        (reads("people.csv"), reads("text.txt")),
    ),
    Idiom(
        "a pool of workers from an earlier cell",
        "multiprocessing",
        "early_workers.apply(pathlib.Path.read_text, [pathlib.Path('early-workers.csv')])\n"
        "early_workers.terminate()",
        # A child belongs to the cell that started it, however long it lives.
        (replace(reads("early-workers.csv"), before=True),),
        before="""
import multiprocessing, pathlib
early_workers = multiprocessing.get_context('fork').Pool(1)
""",
    ),
    Idiom(
        "ProcessPoolExecutor",
        "concurrent.futures",
        """
        import multiprocessing, pathlib
        from concurrent.futures import ProcessPoolExecutor
        context = multiprocessing.get_context('fork')
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            pool.submit(pathlib.Path('out/worker.txt').write_text, 'x').result()
        """,
        (writes("out/worker.txt"),),
    ),
    Idiom(
        "joblib.Parallel",
        "joblib",
        """
        import joblib, pathlib
        from joblib.externals.loky import get_reusable_executor
        joblib.Parallel(2)(
            joblib.delayed(pathlib.Path.read_text)(pathlib.Path(name))
            for name in ['people.csv', 'text.txt'])
        get_reusable_executor().shutdown(wait=True)
        """,
        (reads("people.csv"), reads("text.txt")),
        needs=("joblib",),
        incidental=("file://*/python3*", "file:///tmp/joblib*", "file:///dev/shm/*", "*lscpu*"),
    ),
    Idiom(
        "!cat",
        "IPython",
        "!cat people.csv > out/bang.csv",
        (executes("*sh"), reads("people.csv"), writes("out/bang.csv")),
        incidental=("file:///usr/bin/cat",),
    ),
    Idiom(
        "lines = !cat",
        "IPython",
        "lines = !cat people.csv",
        (executes("*sh"), reads("people.csv")),
        incidental=("file:///usr/bin/cat",),
    ),
    Idiom(
        "%%bash",
        "IPython",
        "%%bash\nwhile read line; do :; done < people.csv\necho x > out/bash.txt",
        (executes("bash"), reads("people.csv"), writes("out/bash.txt")),
    ),
    Idiom(
        "%%writefile",
        "IPython",
        "%%writefile out/magic.txt\nx",
        (writes("out/magic.txt"),),
    ),
    Idiom("%run", "IPython", "%run script.py", (reads("script.py"), reads("people.csv"))),
    Idiom(
        "%%timeit",
        "IPython",
        "%%timeit -n 2 -r 2\nopen('people.csv').read()",
        (reads("people.csv"),),
    ),
)
