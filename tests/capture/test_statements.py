"""What a statement's syntax says about its names."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governed_kernel.capture.magics import ANY
from governed_kernel.capture.references import Made
from governed_kernel.capture.statements import flow_of


def said(made: Made) -> str:
    """``a.x b | c``: what a name is made of, and after the bar what decided."""
    direct, indirect = (
        " ".join(sorted(".".join(map(str, (ref.name, *ref.path))) for ref in references))
        for references in made
    )
    return f"{direct} | {indirect}" if indirect else direct


def flow(source: str) -> dict[str, str]:
    found = flow_of(ast.parse(source).body[0])
    touched = {f"{name}!": said(made) for name, made in found.touches.items()}
    return {**{name: said(made) for name, made in found.writes.items()}, **touched}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = y", {"x": "y"}),
        ("x = 3", {"x": ""}),
        ("x: int = y", {"x": "y"}),
        ("x = y + z", {"x": "y.* z.*"}),
        ("x += y", {"x": "x y", "x!": "y"}),
        ("add(y, z, out=x)", {"x!": "x.* y.* z.*"}),
        ("x = frame['a']", {"x": "frame.a"}),
        ("x = frame.a", {"x": "frame.a"}),
        ("x = frame.at[i, 'a']", {"x": "frame.at.a | i"}),
        ("x = frame[['a', 'b']]", {"x": "frame.a frame.b"}),
        ("x = list(frame['a'])", {"x": "frame.a"}),
        ("x = frame['a'].str.upper()", {"x": "frame.a.str.upper.*"}),
        ("x = frame.groupby('g')['a'].sum()", {"x": "frame.groupby.*"}),
        ("x = parts['train'][0]", {"x": "parts.train.0"}),
        ("x = rows[index]", {"x": "rows | index"}),
        ("x = [f'{r.a} {r.b}' for r in frame.itertuples()]", {"x": "frame.a.* frame.b.*"}),
        ("x = [r['a'] for _, r in frame.iterrows()]", {"x": "frame.a"}),
        ("x = [a for a, b in zip(one['p'], two)]", {"x": "one.p"}),
        ("x = [n for i, n in enumerate(names)]", {"x": "names"}),
        ("x = [0 for _ in rows]", {"x": "rows"}),
        ("x = [i for i in y if i > z]", {"x": "y | y.* z.*"}),
        ("x = {k: f(v) for k, v in d.items()}", {"x": "d d.* f.*"}),
        ("x = lambda q: q + base", {"x": "base.*"}),
        ("a, b = c, d", {"a": "c", "b": "d"}),
        ("a, *b = c", {"a": "c", "b": "c"}),
        ("a = b = c", {"a": "c", "b": "c"}),
        ("x = a if c else b", {"x": "a b | c"}),
        ("if c:\n    x = a\nelse:\n    x = b", {"x": "a b | c"}),
        ("if c:\n    x = a", {"x": "a x | c"}),
        ("while c:\n    x = a", {"x": "a | c"}),
        ("for r in rows:\n    out.append(r)", {"r": "rows", "out!": "rows.*"}),
        ("for r in rows:\n    t = r\n    u = t", {"r": "rows", "t": "rows", "u": "rows"}),
        (
            "for r in rows:\n    last = now\n    now = r",
            {"r": "rows", "last": "now rows", "now": "rows"},
        ),
        ("with open(p) as f:\n    x = f.read()", {"f": "open.* p.*", "x": "open.* p.*"}),
        ("try:\n    x = a[i]\nexcept E:\n    x = b", {"x": "a b | a i"}),
        ("try:\n    x = a\nexcept E:\n    x = b", {"x": "a b"}),
        ("try:\n    a[i]\n    x = b\nexcept E:\n    pass", {"x": "b x | a i"}),
        ("try:\n    x = a\n    b[i]\n    x = c\nexcept E:\n    pass", {"x": "a c x | b i"}),
        ("try:\n    a[i]\n    x = b\nexcept E:\n    raise", {"x": "b"}),
        ("try:\n    if c: raise E\n    x = a\nexcept E:\n    x = b", {"x": "a b | c"}),
        ("with suppress(E):\n    a[i]\n    x = b", {"x": "b x | a i"}),
        ("with suppress(E):\n    a.append(i)\n    x = b", {"a!": "i.*", "x": "b x"}),
        ("with suppress(E):\n    assert a > 3\n    x = b", {"x": "b x | a.*"}),
        (
            "for i in y:\n    if i > z: break\nelse:\n    x = a",
            {"i": "y | y.* z.*", "x": "a x | y.* z.*"},
        ),
        ("for i in y:\n    i\nelse:\n    x = a", {"i": "y", "x": "a"}),
        ("match v:\n    case [p, q]:\n        x = p", {"p": "v", "q": "v", "x": "v x | v"}),
        (
            "match v:\n    case p if c > 1:\n        x = a\n    case _:\n        x = b",
            {"p": "v", "x": "a b | c.* v"},
        ),
        (
            "match v:\n    case k.low:\n        x = a\n    case _:\n        x = b",
            {"x": "a b | k.low v"},
        ),
        ("x = (y := z)", {"x": "z", "y": "z"}),
        ("x[i] = y", {"x!": "i.* y"}),
        ("x.a = y", {"x!": "y"}),
        ("model.fit(X, y)", {"model!": "X.* y.*"}),
        ("d.setdefault(k, []).append(v)", {"d!": "k.* v.*"}),
        ("def f(x):\n    return x + base", {"f": ""}),
        ("import numpy as np", {"np": ""}),
        ("print(x)", {}),
        ("get_ipython().run_cell_magic('time', '', 'x = f(y)')", {"x": "f.* y.*"}),
        ("get_ipython().run_line_magic('time', 'x = y')", {"x": "y"}),
        ("get_ipython().run_line_magic('store', '-r x y')", {"x": "open.*", "y": "open.*"}),
        ("get_ipython().run_line_magic('store', '-r')", {ANY: "open.*"}),
        ("get_ipython().run_line_magic('store', 'x > out.txt')", {}),
        ("get_ipython().run_line_magic('store', '-d x')", {}),
    ],
)  # fmt: skip
def test_names_owe_to_what_their_expressions_mention(source: str, expected: dict[str, str]) -> None:
    assert flow(source) == expected


def test_the_names_of_an_inner_scope_stay_inside() -> None:
    assert flow("x = [i for i in [j for j in y]]") == {"x": "y"}
    assert flow("x = [y for y in y]") == {"x": "y"}


def test_what_is_deleted_is_not_written() -> None:
    assert flow("if True:\n    x = y\n    del x") == {}


NAMES = st.sampled_from(["a", "b", "c", "d"])
FORMS = st.sampled_from(["({} + {})", "f({})", "[{}]", "[({}) for q in {}]", "({})['k']"])


def _longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(str.format, FORMS, inner, inner)


SIMPLE = st.recursive(NAMES, _longer, max_leaves=6)


@settings(max_examples=200)
@given(SIMPLE)
def test_nothing_that_an_expression_mentions_outside_a_comprehension_is_forgotten(
    expression: str,
) -> None:
    """Against an independent reading: the names that the compiler itself finds."""
    tree = ast.parse(f"x = {expression}")
    inside = {
        name.id
        for comprehension in ast.walk(tree)
        if isinstance(comprehension, ast.comprehension)
        for name in ast.walk(comprehension)
        if isinstance(name, ast.Name)
    }
    mentioned = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    } - inside
    found = {reference.name for reference in flow_of(tree.body[0]).writes["x"].direct}
    assert mentioned - {"q"} <= found
    assert found <= mentioned | inside | {"f"}


def test_loops_deep_within_loops_are_read_as_well() -> None:
    """Two turns of each would be a million for twenty, each time before the cell starts."""
    loops = "".join(f"{' ' * depth}for a{depth} in b{depth}:\n" for depth in range(20))
    assert flow(f"{loops}{' ' * 20}x = a0 + a19")["x"].startswith("b0.* b19.*")
