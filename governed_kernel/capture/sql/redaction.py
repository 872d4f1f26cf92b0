"""Statements without their secrets: what may be kept of them as erasable text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from governed_kernel.capture.uris import redacted

__all__ = ["without_secrets"]

_HIDDEN = "…"
_TEXT = (
    r"(?:[eE]?'(?:[^']|''){0,4000}'|\"(?:[^\"]|\"\"){0,4000}\"|\$\w{0,20}\$.{0,4000}?\$\w{0,20}\$)"
)
_QUOTED = re.compile(rf"(?s){_TEXT}")
_BEGIN_SECRET = re.compile(
    r"(?is)\b(create\s+(?:or\s+replace\s+)?(?:persistent\s+|temporary\s+|temp\s+)?secret\b"
    r"(?:\s+if\s+not\s+exists)?[^(;]{0,300}\()"
)
_PUBLIC = {"type", "provider", "scope", "region", "endpoint", "use_ssl", "url_style"}
_DOUBLED = re.compile(
    r"(?i)((?:password|passwd|pwd|secret|token|key|passfile)\w{0,20}\s{0,4}=\s{0,4})"
    r"(''(?:[^']){0,500}'')"
)
_SETTING = re.compile(
    rf"(?is)\b(set\s+(?:global\s+|session\s+|local\s+)?[\w.]*(?:key|secret|token|password|auth|connection_string)"
    rf"[\w.]*\s*(?:=|to)\s*)({_TEXT}|[^\s;]+)"
)
_ENCRYPTION = re.compile(
    rf"(?is)(\b(?:encryption_key|\w*encryption_config)\s*[=:]?\s*)({_TEXT}|\{{[^}}]*\}})"
)
_ADD_KEY = re.compile(rf"(?is)(add_parquet_key\s*\(\s*{_TEXT}\s*,\s*)({_TEXT})")
_SIGNED = re.compile(
    r"(?i)((?:https?|s3|gcs|gs|r2|az|azure|abfss?|hf)://[^\s'\"?]{1,2000})\?[^\s'\"]{0,4000}"
)


def without_secrets(sql: str) -> str:
    """`sql` without passwords, keys and tokens.

    Left out are the values of ``CREATE SECRET`` but for its kind and scope, of settings that are
    named like a secret, passwords in addresses and connection strings, keys of encrypted files,
    and the queries of URLs, where signatures travel.
    """
    text = _DOUBLED.sub(rf"\1{_HIDDEN}", _secrets(sql))
    text = _SETTING.sub(rf"\1'{_HIDDEN}'", text)
    text = _ENCRYPTION.sub(rf"\1'{_HIDDEN}'", text)
    text = _ADD_KEY.sub(rf"\1'{_HIDDEN}'", text)
    text = _SIGNED.sub(rf"\1?{_HIDDEN}", text)
    return redacted(text)


def _secrets(sql: str) -> str:
    parts, place = [], 0
    for begin in _BEGIN_SECRET.finditer(sql):
        if begin.start() < place:
            continue
        end = _closing(sql, begin.end())
        parts += [sql[place : begin.end()], _options(sql[begin.end() : end])]
        place = end
    return "".join(parts) + sql[place:]


def _closing(sql: str, start: int) -> int:
    """Where the parenthesis that was opened before `start` closes, outside of texts."""
    depth = 1
    for place, letter in _outside_texts(sql, start):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if not depth:
            return place
    return len(sql)


def _outside_texts(sql: str, start: int) -> Iterator[tuple[int, str]]:
    place = start
    while place < len(sql):
        quoted = _QUOTED.match(sql, place)
        if quoted is not None:
            place = quoted.end()
            continue
        yield place, sql[place]
        place += 1


def _options(options: str) -> str:
    """Only what says of which kind a secret is and what for keeps its value."""
    parts, depth, begin = [], 0, 0
    for place, letter in _outside_texts(options, 0):
        depth += {"(": 1, ")": -1, "{": 1, "}": -1, "[": 1, "]": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append(options[begin:place])
            begin = place + 1
    parts.append(options[begin:])
    return ",".join(_option(part) for part in parts)


def _option(part: str) -> str:
    words = re.match(r"\s*(\w+)", part)
    if words is None or words[1].lower() in _PUBLIC:
        return part
    return f"{words[0]} '{_HIDDEN}'"
