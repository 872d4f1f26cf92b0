"""What other people wrote, as it may be shown: nothing hidden, nothing that acts on a terminal."""

from __future__ import annotations

__all__ = ["visible"]


def visible(text: str) -> str:
    """`text` with every character that can't be seen, or acts on a terminal, written out."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )
