"""What seeds a notebook's random numbers, and what draws some all the same, read off its text.

Names are followed to the module that they were imported from. A library that has a state of its
own is seeded by one call for all of it; what is not known to draw counts as drawing nothing, and a
function from elsewhere with "seed" in its name as seeding everything.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from governed_kernel.release.notebook import Cell, tree_of

__all__ = ["Draw", "Seeding", "seeding_of"]

_ALL = frozenset({"random", "numpy", "torch", "polars", "tensorflow"})
_SEEDERS: Mapping[str, frozenset[str]] = {
    "random.seed": frozenset({"random"}),
    "numpy.random.seed": frozenset({"numpy"}),
    "torch.manual_seed": frozenset({"torch"}),
    "torch.random.manual_seed": frozenset({"torch"}),
    "polars.set_random_seed": frozenset({"polars"}),
    "tensorflow.random.set_seed": frozenset({"tensorflow"}),
}
"""Calls that seed one library's state; others named so (``transformers.set_seed``) seed all."""
_OF_OBJECTS = ("manual_seed", "manual_seed_all", "seed", "setseed")
"""Methods that seed the object that they are called on, and no library."""
_GENERATORS = re.compile(
    r"numpy\.random\.(default_rng|RandomState|SeedSequence|PCG64|Philox|MT19937|SFC64)|"
    r"random\.Random|jax\.random\.(PRNGKey|key)"
)
"""Generators of their own: seeded by their first argument, and by no library's state."""
_KEYWORD = re.compile(r"(\w+_)?(seed|random_state)|generator|rng|key")
_MADE = r"Linear|Bilinear|Conv\w+|Embedding\w*|RNN\w*|LSTM\w*|GRU\w*|MultiheadAttention"
_DRAWS: Mapping[str, re.Pattern[str]] = {
    "random": re.compile(
        r"random\.(random|randint|randrange|randbytes|choices?|sample|shuffle|uniform|gauss"
        r"|getrandbits|\w+variate|triangular)"
    ),
    "numpy": re.compile(
        r"numpy\.random\.(?!seed$|get_state$|set_state$|Generator$|bit_generator)[a-z]\w*|"
        r"sklearn\.model_selection\.(train_test_split|\w*ShuffleSplit|RandomizedSearchCV)|"
        r"sklearn\.(utils\.(shuffle|resample)|datasets\.make_\w+|inspection\.permutation_\w+)|"
        r"sklearn\.(ensemble\.(RandomForest|ExtraTrees|Bagging|GradientBoosting|AdaBoost)\w+|"
        r"ensemble\.(IsolationForest|RandomTreesEmbedding)|tree\.(Decision|Extra)Tree\w+)|"
        r"sklearn\.(neural_network\.\w+|cluster\.\w*KMeans|mixture\.\w+|linear_model\.SGD\w+|"
        r"linear_model\.Perceptron|manifold\.TSNE|random_projection\.\w+Projection|"
        r"decomposition\.(TruncatedSVD|LatentDirichletAllocation))|"
        r"imblearn\.(over|under|combine)\w*\.\w+"
    ),
    "torch": re.compile(
        r"torch\.(rand\w*|normal|bernoulli|multinomial|poisson)|"
        r"torch\.nn\.(" + _MADE + r"|Transformer\w*|\w*Dropout\w*)|"
        r"torch\.nn\.init\.(\w*(xavier|kaiming|normal|uniform)\w*|orthogonal_|sparse_)|"
        r"torch\.utils\.data\.random_split|peft\.get_peft_model|"
        r"transformers\.AutoModelFor\w+Classification\.from_pretrained"
    ),
    "tensorflow": re.compile(
        r"tensorflow\.random\.(normal|uniform|shuffle|truncated_normal|categorical|gamma|poisson)|"
        r"(tensorflow\.)?keras\.layers\.(Dense|" + _MADE + r"|\w*Dropout\w*)"
    ),
}
"""What draws from a library's state unless it is given a seed of its own."""
_IF_ASKED = re.compile(
    r"(sklearn\.model_selection\.\w*KFold|torch\.utils\.data\.(\w+\.)?DataLoader)$"
)
"""What draws only when it is asked to shuffle."""
_NO_SEED_TAKEN = sys.stdlib_module_names | {""}
"""Modules, and none (methods, builtins), whose functions do else with a seed than draw by it."""


@dataclass(frozen=True)
class Draw:
    """A call that draws random numbers which nothing has seeded."""

    cell: Cell
    call: str


@dataclass
class Seeding:
    """What seeds random numbers, and what remains.

    Attributes
    ----------
    values : list of ast.expr
        What is given as a seed, wherever.
    libraries : set of str
        Those whose own state is seeded.
    unseeded : list of Draw
        What draws all the same.
    """

    values: list[ast.expr] = field(default_factory=list)
    libraries: set[str] = field(default_factory=set)
    unseeded: list[Draw] = field(default_factory=list)

    @property
    def is_parameter(self) -> bool:
        """Whether some seed is no constant."""
        return any(isinstance(node, ast.Name) for value in self.values for node in ast.walk(value))


def seeding_of(cells: Sequence[Cell]) -> Seeding:
    """What seeds, and what draws, in the cells of a notebook."""
    trees = [(cell, tree) for cell in cells if (tree := tree_of(cell.source))]
    imported = {name: what for _, tree in trees for name, what in _imports(tree)}
    calls = [
        (cell, node, _called(node.func, imported))
        for cell, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]
    own = {
        f".{node.name}"
        for _, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    found = Seeding()
    for _, call, name in calls:
        if name not in own:  # what those do stands in the notebook
            found.libraries |= _seeded_by(call, name)
            found.values += _seeds_in(call, name)
    found.values += [
        value
        for _, tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and _is_seed(str(key.value), value)
    ]
    for cell, call, name in calls:
        libraries = _drawn_from(call, name)
        if libraries and not libraries & found.libraries and not _has_own(call):
            found.unseeded.append(Draw(cell, name.lstrip(".")))
    return found


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield alias.asname or top, alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _called(node: ast.expr, imported: Mapping[str, str]) -> str:
    """The dotted name of what is called; begins with a dot where it is an object's method."""
    if isinstance(node, ast.Attribute):
        of = _called(node.value, imported)
        return f"{of}.{node.attr}" if of and of[0] != "." else f".{node.attr}"
    if not isinstance(node, ast.Name):
        return ""
    return imported.get(node.id, f".{node.id}")


def _seeded_by(call: ast.Call, name: str) -> frozenset[str]:
    """The libraries whose state a call seeds."""
    last = name.rpartition(".")[2]
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if not given or all(_is_none(value) for value in given) or "seed" not in last.lower():
        return frozenset()
    if name in _SEEDERS:
        return _SEEDERS[name]
    is_plain = isinstance(call.func, ast.Name)
    if last in _OF_OBJECTS and not is_plain:
        return frozenset()
    return _ALL if last[:1].islower() or last[:1] == "_" else frozenset()


def _seeds_in(call: ast.Call, name: str) -> Iterator[ast.expr]:
    """What a call is given as a seed."""
    last = name.rpartition(".")[2]
    yield from (each.value for each in call.keywords if _is_seed(each.arg or "", each.value))
    if "seed" in last.lower() or _GENERATORS.fullmatch(name):
        yield from (value for value in call.args[:1] if not _is_none(value))
    elif name.partition(".")[0] not in _NO_SEED_TAKEN and not last.startswith("log"):
        yield from (
            value
            for value in call.args
            if isinstance(value, ast.Name) and _is_seed(value.id, value)
        )
    for value in call.args[:1]:
        if isinstance(value, (ast.Constant, ast.JoinedStr)) and "setseed(" in ast.unparse(value):
            yield value


def _is_seed(name: str, value: ast.expr) -> bool:
    of_generator = name in ("generator", "rng", "key")
    return bool(_KEYWORD.fullmatch(name.lower())) and not of_generator and not _is_none(value)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _has_own(call: ast.Call) -> bool:
    """Whether a call is given a seed, or may be (``**settings``)."""
    return any(
        keyword.arg is None
        or (_KEYWORD.fullmatch(keyword.arg.lower()) and not _is_none(keyword.value))
        for keyword in call.keywords
    )


def _drawn_from(call: ast.Call, name: str) -> frozenset[str]:
    """The libraries any of whose states, once seeded, makes what a call draws repeatable."""
    said = {keyword.arg: keyword.value for keyword in call.keywords}
    shuffles = said.get("shuffle")
    if isinstance(shuffles, ast.Constant) and shuffles.value is False:
        return frozenset()
    if _GENERATORS.fullmatch(name):
        given = [*call.args, *said.values()]
        is_seeded = given and not all(_is_none(value) for value in given)
        return frozenset() if is_seeded else frozenset({"its own"})
    if _IF_ASKED.fullmatch(name):
        library = "torch" if name.startswith("torch") else "numpy"
        return frozenset({library}) if shuffles is not None else frozenset()
    if name in (".shuffle", ".train_test_split") and isinstance(call.func, ast.Attribute):
        # of a dataset; a generator's is given what to shuffle
        return frozenset() if call.args and name == ".shuffle" else frozenset({"numpy"})
    if name == ".sample" and isinstance(call.func, ast.Attribute):
        return frozenset() if len(call.args) > 1 else frozenset({"numpy", "polars", "torch"})
    return frozenset(library for library, draws in _DRAWS.items() if draws.fullmatch(name))
