"""HTTP and sockets, to a server in another process."""

from __future__ import annotations

from .idiom import Idiom, connects, executes, group, reads, sends, writes

__all__ = ["IDIOMS"]

_SOCKET = ("tcp://*",)
_URL = "{http}/people.csv"

IDIOMS = group(
    "network",
    Idiom(
        "urllib",
        "urllib",
        "import urllib.request; urllib.request.urlopen(HTTP + '/people.csv').read()",
        (reads(_URL, via="*urllib*", kind="http"),),
        incidental=_SOCKET,
        in_notes=True,
    ),
    Idiom(
        "urllib, credentials and a token",
        "urllib",
        """
        import urllib.request
        request = urllib.request.Request(
            HTTP + '/people.csv?token=tok-of-ada', headers={'Authorization': 'Bearer key-of-ada'})
        urllib.request.urlopen(request).read()
        """,
        (reads(_URL, via="*urllib*", kind="http"),),
        incidental=_SOCKET,
    ),
    Idiom(
        "urlretrieve",
        "urllib",
        "import urllib.request; urllib.request.urlretrieve(HTTP + '/people.csv', 'out/url.csv')",
        (reads(_URL, via="*urllib*", kind="http"), writes("out/url.csv")),
        incidental=_SOCKET,
    ),
    Idiom(
        "urllib, POST",
        "urllib",
        "import urllib.request; urllib.request.urlopen(HTTP + '/echo/urllib', data=b'x').read()",
        (sends("{http}/echo/urllib", via="*urllib*"),),
        incidental=_SOCKET,
    ),
    Idiom(
        "urllib, redirected",
        "urllib",
        "import urllib.request; urllib.request.urlopen(HTTP + '/moved').read()",
        (reads("{http}/moved", kind="http"), reads(_URL, kind="http")),
        incidental=_SOCKET,
    ),
    Idiom(
        "urllib, not found",
        "urllib",
        """
        import urllib.error, urllib.request
        try:
            urllib.request.urlopen(HTTP + '/missing')
        except urllib.error.HTTPError as error:
            error.read()
        """,
        (reads("{http}/missing", kind="http"),),
        incidental=_SOCKET,
    ),
    Idiom(
        "http.client",
        "http",
        """
        import http.client
        connection = http.client.HTTPConnection(HTTP.removeprefix('http://'))
        connection.request('GET', '/people.csv'); connection.getresponse().read()
        connection.close()
        """,
        (reads(_URL, kind="http"),),
        incidental=_SOCKET,
    ),
    Idiom(
        "requests",
        "requests",
        "import requests; requests.get(HTTP + '/people.csv', params={'token': 'tok-of-ada'}).text",
        (reads(_URL, via="*requests*", kind="http"),),
        needs=("requests",),
        incidental=_SOCKET,
    ),
    Idiom(
        "requests, credentials",
        "requests",
        """
        import requests
        requests.get(HTTP + '/people.csv', auth=('ada', 'pass-of-ada'), cookies={'s': 'key-of-ada'})
        """,
        (reads(_URL, via="*requests*", kind="http"),),
        needs=("requests",),
        incidental=_SOCKET,
    ),
    Idiom(
        "requests, streamed to a file",
        "requests",
        """
        import requests
        with requests.get(HTTP + '/people.csv', stream=True) as reply, open('out/r.csv', 'wb') as f:
            for chunk in reply.iter_content(100):
                f.write(chunk)
        """,
        (reads(_URL, via="*requests*", kind="http"), writes("out/r.csv")),
        needs=("requests",),
        incidental=_SOCKET,
    ),
    Idiom(
        "requests.post",
        "requests",
        "import requests; requests.post(HTTP + '/echo/requests', json={'name': 'ada'})",
        (sends("{http}/echo/requests", via="*requests*"),),
        needs=("requests",),
        incidental=_SOCKET,
    ),
    Idiom(
        "a session of requests from an earlier cell",
        "requests",
        "early_session.get(HTTP + '/people.csv').text; early_session.close()",
        (reads(_URL, via="*requests*", kind="http"),),
        before="""
import requests
early_session = requests.Session()
early_session.get(HTTP + '/text.txt').text
""",
        needs=("requests",),
        incidental=_SOCKET,
    ),
    Idiom(
        "urllib3",
        "urllib3",
        "import urllib3; urllib3.PoolManager().request('GET', HTTP + '/people.csv').data",
        (reads(_URL, kind="http"),),
        needs=("urllib3",),
        incidental=_SOCKET,
    ),
    Idiom(
        "httpx",
        "httpx",
        "import httpx; httpx.get(HTTP + '/people.csv').text",
        (reads(_URL, via="*httpx*", kind="http"),),
        needs=("httpx",),
        incidental=_SOCKET,
        in_notes=True,
    ),
    Idiom(
        "httpx.stream",
        "httpx",
        """
        import httpx
        with httpx.stream('GET', HTTP + '/people.csv') as reply:
            [chunk for chunk in reply.iter_bytes()]
        """,
        (reads(_URL, via="*httpx*", kind="http"),),
        needs=("httpx",),
        incidental=_SOCKET,
    ),
    Idiom(
        "httpx.AsyncClient",
        "httpx",
        """
        import httpx
        async with httpx.AsyncClient() as client:
            (await client.get(HTTP + '/people.csv')).text
        """,
        (reads(_URL, via="*httpx*", kind="http"),),
        needs=("httpx",),
        incidental=_SOCKET,
    ),
    Idiom(
        "httpx, PUT",
        "httpx",
        "import httpx; httpx.put(HTTP + '/echo/httpx', content=b'x')",
        (sends("{http}/echo/httpx", via="*httpx*"),),
        needs=("httpx",),
        incidental=_SOCKET,
    ),
    Idiom(
        "aiohttp",
        "aiohttp",
        """
        import aiohttp
        async with aiohttp.ClientSession() as session:
            async with session.get(HTTP + '/people.csv') as reply:
                await reply.text()
        """,
        (reads(_URL, via="*aiohttp*", kind="http"),),
        needs=("aiohttp",),
        incidental=_SOCKET,
    ),
    Idiom(
        "aiohttp, streamed",
        "aiohttp",
        """
        import aiohttp
        async with aiohttp.ClientSession() as session:
            async with session.get(HTTP + '/people.csv') as reply:
                async for chunk in reply.content.iter_chunked(100):
                    pass
        """,
        (reads(_URL, via="*aiohttp*", kind="http"),),
        needs=("aiohttp",),
        incidental=_SOCKET,
    ),
    Idiom(
        "aiohttp, POST",
        "aiohttp",
        """
        import aiohttp
        async with aiohttp.ClientSession() as session:
            async with session.post(HTTP + '/echo/aiohttp', data=b'x') as reply:
                await reply.read()
        """,
        (sends("{http}/echo/aiohttp", via="*aiohttp*"),),
        needs=("aiohttp",),
        incidental=_SOCKET,
    ),
    Idiom(
        "tornado",
        "tornado",
        """
        import tornado.httpclient
        await tornado.httpclient.AsyncHTTPClient().fetch(HTTP + '/people.csv')
        """,
        (connects("{address}"),),
        needs=("tornado",),
    ),
    Idiom(
        "fsspec, http",
        "fsspec",
        "import fsspec\nwith fsspec.open(HTTP + '/people.csv') as file: file.read()",
        (reads(_URL, kind="http"),),
        needs=("fsspec", "aiohttp"),
        incidental=_SOCKET,
    ),
    Idiom(
        "fsspec, local",
        "fsspec",
        "import fsspec\nwith fsspec.open('people.csv') as file: file.read()",
        (reads("people.csv"),),
        needs=("fsspec",),
    ),
    Idiom(
        "fsspec, local, write",
        "fsspec",
        "import fsspec\nwith fsspec.open('out/fsspec.txt', 'w') as file: file.write('x')",
        (writes("out/fsspec.txt"),),
        needs=("fsspec",),
    ),
    Idiom(
        "fsspec, cached",
        "fsspec",
        """
        import fsspec
        with fsspec.open('simplecache::' + HTTP + '/text.txt',
                         simplecache={'cache_storage': 'out/fsspec_cache'}) as file:
            file.read()
        """,
        (reads("{http}/text.txt", kind="http"), writes("out/fsspec_cache/*")),
        needs=("fsspec", "aiohttp"),
        incidental=(*_SOCKET, "file://*/out/fsspec_cache*"),
    ),
    Idiom(
        "a socket",
        "socket",
        """
        import socket
        with socket.create_connection(ADDRESS) as client:
            client.sendall(b'GET /people.csv HTTP/1.0\\r\\n\\r\\n'); client.recv(100)
        """,
        (connects("{address}"),),
    ),
    Idiom(
        "asyncio.open_connection",
        "asyncio",
        """
        import asyncio
        reader, writer = await asyncio.open_connection(*ADDRESS)
        writer.write(b'GET /people.csv HTTP/1.0\\r\\n\\r\\n'); await reader.read(100)
        writer.close()
        """,
        (connects("{address}"),),
    ),
    Idiom(
        "a datagram",
        "socket",
        """
        import socket
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.sendto(b'x', ('127.0.0.1', 9))
        """,
        (connects("udp://127.0.0.1:9"),),
    ),
    Idiom(
        "curl",
        "subprocess",
        "import subprocess; subprocess.run(['curl', '-s', HTTP + '/people.csv'], "
        "capture_output=True)",
        (executes("curl"), connects("{address}")),
        needs=("program:curl",),
        incidental=("file://*/.curlrc", "file://*/.netrc"),
    ),
)
