"""The standard library: files read, written, renamed and removed."""

from __future__ import annotations

from dataclasses import replace

from .idiom import Idiom, deletes, group, reads, writes

__all__ = ["IDIOMS"]

IDIOMS = group(
    "standard library: files",
    Idiom("open", "open", "open('people.csv').read()", (reads("people.csv"),), in_notes=True),
    Idiom("open, bytes name", "open", "open(b'people.csv', 'rb').read()", (reads("people.csv"),)),
    Idiom("open, write", "open", "open('out/open.txt', 'w').write('x')", (writes("out/open.txt"),)),
    Idiom("open, append", "open", "open('out/log.txt', 'a').write('x')", (writes("out/log.txt"),)),
    Idiom(
        "open, read and write",
        "open",
        """
        with open('out/both.txt', 'w+') as file:
            file.write('x')
        with open('out/both.txt', 'r+') as file:
            file.read(); file.write('y')
        """,
        (reads("out/both.txt", hashed=False), writes("out/both.txt")),
    ),
    Idiom(
        "open with an opener",
        "open",
        """
        import os
        open('people.csv', opener=lambda path, flags: os.open(path, flags)).read()
        """,
        (reads("people.csv"),),
    ),
    Idiom(
        "read through a symbolic link",
        "open",
        "open('link.csv').read()",
        (reads("people.csv"),),
    ),
    Idiom(
        "read by /dev/fd",
        "open",
        """
        with open('text.txt') as file:
            open(f'/dev/fd/{file.fileno()}').read()
        """,
        (reads("text.txt"),),
    ),
    Idiom(
        "pathlib",
        "pathlib",
        "from pathlib import Path; Path('people.csv').read_text()",
        (reads("people.csv"),),
        in_notes=True,
    ),
    Idiom(
        "Path.write_text",
        "pathlib",
        "from pathlib import Path; Path('out/path.txt').write_text('x')",
        (writes("out/path.txt"),),
    ),
    Idiom(
        "every file of a folder",
        "pathlib",
        "from pathlib import Path; [path.read_bytes() for path in Path('parts').glob('*.txt')]",
        (reads("parts/*.txt"),),
    ),
    Idiom(
        "os.open",
        "os",
        """
        import os
        fd = os.open('people.csv', os.O_RDONLY); os.read(fd, 10); os.close(fd)
        """,
        (reads("people.csv"),),
        in_notes=True,
    ),
    Idiom(
        "os.open, write",
        "os",
        """
        import os
        fd = os.open('out/os.txt', os.O_WRONLY | os.O_CREAT); os.write(fd, b'x'); os.close(fd)
        """,
        (writes("out/os.txt"),),
    ),
    Idiom(
        "os.open with dir_fd",
        "os",
        """
        import os
        folder = os.open('parts', os.O_RDONLY | os.O_DIRECTORY)
        fd = os.open('a.txt', os.O_RDONLY, dir_fd=folder); os.read(fd, 10)
        os.close(fd); os.close(folder)
        """,
        (reads("parts/a.txt"),),
    ),
    Idiom(
        "os.sendfile",
        "os",
        """
        import os
        with open('text.txt', 'rb') as source, open('out/sent.txt', 'wb') as target:
            os.sendfile(target.fileno(), source.fileno(), 0, 100)
        """,
        (reads("text.txt"), writes("out/sent.txt")),
    ),
    Idiom(
        "a descriptor from an earlier cell",
        "os",
        "os.read(inherited, 100); os.close(inherited)",
        (replace(reads("early-descriptor.csv"), before=True),),
        before="import os; inherited = os.open('early-descriptor.csv', os.O_RDONLY)",
    ),
    Idiom(
        "os.rename",
        "os",
        """
        import os
        os.rename('out/before.txt', 'out/after.txt')
        """,
        (writes("out/after.txt"), deletes("out/before.txt")),
        before="open('out/before.txt', 'w').write('x')",
    ),
    Idiom(
        "write a temporary file, then replace",
        "os",
        """
        import os, tempfile
        with tempfile.NamedTemporaryFile('w', dir='out', delete=False) as file:
            file.write('x')
        os.replace(file.name, 'out/replaced.txt')
        """,
        (writes("out/replaced.txt"),),
        incidental=("file://*/out/tmp*",),
    ),
    Idiom(
        "os.remove",
        "os",
        "import os; os.remove('out/gone.txt')",
        (deletes("out/gone.txt"),),
        before="open('out/gone.txt', 'w').write('x')",
    ),
    Idiom(
        "os.truncate",
        "os",
        "import os; os.truncate('out/short.txt', 1)",
        (writes("out/short.txt"),),
        before="open('out/short.txt', 'w').write('xyz')",
    ),
    Idiom(
        "os.link",
        "os",
        "import os; os.link('text.txt', 'out/hard.txt')",
        (writes("out/hard.txt"),),
    ),
    Idiom(
        "os.symlink",
        "os",
        "import os; os.symlink('../text.txt', 'out/soft.txt')",
        (writes("out/soft.txt", hashed=False),),
    ),
    Idiom(
        "shutil.copy",
        "shutil",
        "import shutil; shutil.copy('people.csv', 'out/copy.csv')",
        (reads("people.csv"), writes("out/copy.csv")),
    ),
    Idiom(
        "shutil.move",
        "shutil",
        "import shutil; shutil.move('out/here.txt', 'out/there.txt')",
        (writes("out/there.txt"), deletes("out/here.txt")),
        before="open('out/here.txt', 'w').write('x')",
    ),
    Idiom(
        "shutil.copytree",
        "shutil",
        "import shutil; shutil.copytree('parts', 'out/parts')",
        (reads("parts/*.txt"), writes("out/parts/*.txt")),
        incidental=("file://*/parts/*",),
    ),
    Idiom(
        "shutil.rmtree",
        "shutil",
        "import shutil; shutil.rmtree('out/tree')",
        (deletes("out/tree/leaf.txt"),),
        before="import os; os.mkdir('out/tree'); open('out/tree/leaf.txt', 'w').write('x')",
        incidental=("file://*/out/tree",),
    ),
    Idiom(
        "csv",
        "csv",
        "import csv; list(csv.reader(open('people.csv')))",
        (reads("people.csv"),),
        in_notes=True,
    ),
    Idiom(
        "csv.writer",
        "csv",
        """
        import csv
        with open('out/csv.csv', 'w') as file:
            csv.writer(file).writerow([1, 2])
        """,
        (writes("out/csv.csv"),),
    ),
    Idiom(
        "gzip",
        "gzip",
        "import gzip; gzip.open('people.csv.gz').read()",
        (reads("people.csv.gz"),),
        in_notes=True,
    ),
    Idiom(
        "gzip, write",
        "gzip",
        "import gzip\nwith gzip.open('out/x.gz', 'wb') as file: file.write(b'x')",
        (writes("out/x.gz"),),
    ),
    Idiom(
        "bz2", "bz2", "import bz2; bz2.open('people.csv.bz2').read()", (reads("people.csv.bz2"),)
    ),
    Idiom(
        "bz2, write",
        "bz2",
        "import bz2\nwith bz2.open('out/x.bz2', 'wb') as file: file.write(b'x')",
        (writes("out/x.bz2"),),
    ),
    Idiom(
        "lzma", "lzma", "import lzma; lzma.open('people.csv.xz').read()", (reads("people.csv.xz"),)
    ),
    Idiom(
        "lzma, write",
        "lzma",
        "import lzma\nwith lzma.open('out/x.xz', 'wb') as file: file.write(b'x')",
        (writes("out/x.xz"),),
    ),
    Idiom(
        "zipfile",
        "zipfile",
        "import zipfile; zipfile.ZipFile('people.csv.zip').read('people.csv')",
        (reads("people.csv.zip"),),
    ),
    Idiom(
        "zipfile, extract",
        "zipfile",
        "import zipfile; zipfile.ZipFile('people.csv.zip').extractall('out/unzipped')",
        (reads("people.csv.zip"), writes("out/unzipped/people.csv")),
    ),
    Idiom(
        "zipfile, write",
        "zipfile",
        """
        import zipfile
        with zipfile.ZipFile('out/x.zip', 'w') as archive:
            archive.write('text.txt')
        """,
        (reads("text.txt"), writes("out/x.zip")),
    ),
    Idiom(
        "tarfile, extract",
        "tarfile",
        """
        import tarfile
        with tarfile.open('people.tar.gz') as archive:
            archive.extractall('out/untarred', filter='data')
        """,
        (reads("people.tar.gz"), writes("out/untarred/people.csv")),
    ),
    Idiom(
        "tarfile, write",
        "tarfile",
        """
        import tarfile
        with tarfile.open('out/x.tar.xz', 'w:xz') as archive:
            archive.add('text.txt')
        """,
        (reads("text.txt"), writes("out/x.tar.xz")),
    ),
    Idiom(
        "mmap",
        "mmap",
        """
        import mmap
        with open('people.csv', 'rb') as file:
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[:10]
        """,
        (reads("people.csv"),),
        in_notes=True,
    ),
    Idiom(
        "mmap, write",
        "mmap",
        """
        import mmap
        with open('out/mapped.bin', 'wb') as file:
            file.write(bytes(64))
        with open('out/mapped.bin', 'r+b') as file, mmap.mmap(file.fileno(), 64) as m:
            m[:3] = b'abc'
        """,
        (writes("out/mapped.bin"),),
        incidental=("file://*/out/mapped.bin",),
    ),
    Idiom(
        "shelve",
        "shelve",
        "import shelve\nwith shelve.open('shelf', 'r') as shelf: shelf['a']",
        (reads("shelf*"),),
    ),
    Idiom(
        "shelve, write",
        "shelve",
        "import shelve\nwith shelve.open('out/shelf') as shelf: shelf['a'] = 1",
        (writes("out/shelf*"),),
        incidental=("file://*/out/shelf*",),
    ),
    Idiom(
        "dbm.dumb",
        "dbm",
        "import dbm.dumb\nwith dbm.dumb.open('out/dumb', 'c') as table: table['a'] = 'b'",
        (writes("out/dumb.dat"), writes("out/dumb.dir")),
        incidental=("file://*/out/dumb*",),
    ),
    Idiom(
        "pickle",
        "pickle",
        "import pickle; pickle.load(open('people.pkl', 'rb'))",
        (reads("people.pkl"),),
    ),
    Idiom(
        "pickle, write",
        "pickle",
        "import pickle\nwith open('out/x.pkl', 'wb') as file: pickle.dump([1], file)",
        (writes("out/x.pkl"),),
    ),
    Idiom("json", "json", "import json; json.load(open('people.json'))", (reads("people.json"),)),
    Idiom(
        "tomllib",
        "tomllib",
        "import tomllib; tomllib.load(open('settings.toml', 'rb'))",
        (reads("settings.toml"),),
    ),
    Idiom(
        "xml.etree",
        "xml",
        "import xml.etree.ElementTree as ET; ET.parse('people.xml')",
        (reads("people.xml"),),
    ),
    Idiom(
        "fileinput",
        "fileinput",
        "import fileinput; list(fileinput.input(['people.csv', 'text.txt']))",
        (reads("people.csv"), reads("text.txt")),
    ),
    Idiom(
        "codecs.open",
        "codecs",
        "import io; io.TextIOWrapper(io.FileIO('people.csv'), 'utf-8').read()",
        (reads("people.csv"),),
    ),
    Idiom(
        "io.open_code",
        "io",
        "import io; io.open_code(os.path.abspath('script.py')).read()",
        (reads("script.py"),),
        before="import os",
    ),
    Idiom(
        "import of the user's own module",
        "import",
        "import sys; sys.path.insert(0, 'modules'); import helper; sys.path.pop(0)",
        (reads("modules/helper.py"),),
        incidental=("file://*/modules/__pycache__/*",),
    ),
    Idiom(
        "logging to a file",
        "logging",
        """
        import logging
        log = logging.getLogger('corpus'); log.addHandler(logging.FileHandler('out/run.log'))
        log.warning('x'); log.handlers.pop().close()
        """,
        (writes("out/run.log"),),
    ),
    Idiom(
        "ctypes, libc.fopen",
        "ctypes",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        libc.fopen.restype = ctypes.c_void_p
        libc.fclose.argtypes = [ctypes.c_void_p]
        libc.fclose(libc.fopen(b'people.csv', b'r'))
        """,
        (reads("people.csv"),),
        in_notes=True,
    ),
)
