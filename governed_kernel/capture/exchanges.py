"""HTTP exchanges: one access a request, with its answer's status and the digest of its content.

A library's adapter begins an exchange before the request is sent (policy decides there), feeds it
with the body as it came, before any content coding is undone (what RFC 9530 calls Content-Digest),
and finishes it. What was not read to its end when the cell ends is told without a digest.
"""

from __future__ import annotations

import hashlib
from typing import Any

from governed_kernel.capture.emitter import Cell, Decision
from governed_kernel.capture.observation import Call, Content, Observation
from governed_kernel.capture.rewriting import Hooks, NotRewritable, outermost_function, rewrite
from governed_kernel.capture.uris import is_url, url_uri
from governed_kernel.errors import GovernedError, RecorderLost
from governed_kernel.lineage.events import Operation

__all__ = ["Exchange", "Exchanges", "hook"]

_READS = ("GET", "HEAD", "OPTIONS", "TRACE")


class Exchange:
    """One request and its answer.

    Attributes
    ----------
    status : int
        Of the answer; 0 until there is one.
    """

    __slots__ = ("_digest", "_size", "call", "cell", "decision", "detail", "key", "status", "via")

    def __init__(
        self, key: tuple[Operation, str], via: str, detail: str, cell: Cell, decision: Decision
    ) -> None:
        self.key = key
        self.via = via
        self.detail = detail
        self.cell = cell
        self.decision = decision
        self.call: Call | None = None
        """The call that reports this access itself, if one does."""
        self.status = 0
        self._digest = hashlib.sha256()
        self._size = 0

    def feed(self, data: Any) -> None:
        """Take the next part of the body, as it came."""
        self._digest.update(data)
        self._size += len(data)

    def content(self, *, whole: bool) -> Content:
        """What is known of the answer."""
        if not whole:
            return Content(self.status)
        return Content(self.status, self._digest.hexdigest(), self._size)


class Exchanges:
    """The exchanges that are under way in one process."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._open: dict[Exchange, None] = {}
        observation.at_end.append(self._finish_all)

    @classmethod
    def of(cls, observation: Observation) -> Exchanges:
        """The one that all adapters share."""
        found = observation.__dict__.get("_exchanges")
        if found is None:
            found = observation.__dict__["_exchanges"] = cls(observation)
        return found

    def begin(self, method: str, url: str, via: str) -> Exchange | None:
        """Before a request: None when it is an observer's own, or nothing to tell.

        Raises
        ------
        PolicyDenied
            Policy forbids it; the attempt is on record.
        """
        observation = self._observation
        state = observation.state
        if state.busy or not is_url(url):
            return None
        verb = method.upper()
        operation: Operation = "read" if verb in _READS else "write"
        if verb == "DELETE":
            operation = "delete"
        uri, via, detail = url_uri(url), state.client or via, f"{verb} {url}"
        with observation.at_work():
            call = state.call.claimed(operation, uri) if state.call is not None else None
            decision = Decision(True) if call else observation.decide(operation, uri)
            if not decision.allowed:
                observation.access(operation, "http", uri, via, decision, detail)
            exchange = Exchange((operation, uri), via, detail, observation.cell(), decision)
        if call is not None:
            call.opened.add((operation, uri))
            exchange.call = call
        self._open[exchange] = None
        return exchange

    def finish(self, exchange: Exchange, *, whole: bool = True) -> None:
        """Tell of an exchange, once; `whole` says that its body was read to the end."""
        if exchange not in self._open:
            return
        del self._open[exchange]
        content = exchange.content(whole=whole)
        if exchange.call is not None:
            exchange.call.contents[exchange.key] = content
            return
        operation, uri = exchange.key
        with self._observation.at_work():
            self._observation.access(
                operation,
                "http",
                uri,
                exchange.via,
                exchange.decision,
                exchange.detail,
                content=content,
                cell=exchange.cell,
            )

    def _finish_all(self) -> None:
        for exchange in list(self._open):
            self.finish(exchange, whole=False)


def hook(
    observation: Observation,
    owner: Any,
    name: str,
    title: str,
    *,
    enter: Any = None,
    leave: Any = None,
) -> None:
    """Let an adapter look at each call of ``owner.name``, whoever makes it.

    Unlike `observe` it makes no record of the call, and nothing that is called inside is hidden.

    Parameters
    ----------
    enter : callable, optional
        Takes the arguments in order; what it returns goes to `leave`. May raise PolicyDenied.
    leave : callable, optional
        Takes what `enter` returned and the result, or ``None`` when the call failed.
    """
    function = outermost_function(owner, name)
    if function is None:
        raise NotRewritable(f"{title} is not a Python function")

    def entered(values: tuple[Any, ...]) -> Any:
        if enter is None:
            return values
        try:
            return enter(values)
        except GovernedError:
            raise
        except Exception as error:
            observation.lost(title, error)
            return None

    def left(token: Any, value: Any) -> Any:
        if leave is not None and token is not None:
            try:
                leave(token, value)
            except RecorderLost:
                raise
            except Exception as error:
                observation.lost(title, error)
        return value

    def failed(token: Any) -> None:
        left(token, None)

    rewrite(function, Hooks(entered, left, failed))
