"""What is seeded, and what is not, is told from a notebook's text as it is."""

from __future__ import annotations

import nbformat
import pytest

from governed_kernel.release import checks
from governed_kernel.release.findings import Finding

SKLEARN = (
    "from sklearn.model_selection import train_test_split\n"
    "from sklearn.ensemble import RandomForestClassifier\n"
)
NET = "import torch\nfrom torch import nn\n"

SEEDED = {
    "numpy": "import numpy as np\nnp.random.seed(seed)\nnoise = np.random.normal(size=3)",
    "another name": "from numpy import random as chance\nchance.seed(seed)\nchance.rand()",
    "the standard library": "import random\nrandom.seed(seed)\nrandom.shuffle(rows)",
    "torch": NET + "torch.manual_seed(seed)\nlayer = nn.Linear(3, 1)",
    "transformers": "from transformers import set_seed\nset_seed(seed)\n" + NET + "nn.Linear(3, 1)",
    "polars": "import polars as pl\npl.set_random_seed(seed)\npart = frame.sample(fraction=0.5)",
    "lightning": "import lightning as L\nL.seed_everything(seed)\n" + NET + "nn.Linear(3, 1)",
    "keras": "import keras\nkeras.utils.set_random_seed(seed)\nkeras.layers.Dense(1)",
    "every call": SKLEARN
    + "parts = train_test_split(frame, random_state=seed)\n"
    + "RandomForestClassifier(random_state=seed).fit(*parts)",
    "a sample of its own": "part = frame.sample(frac=0.5, random_state=seed)",
    "a generator": "import numpy as np\nrng = np.random.default_rng(seed)\nrng.shuffle(rows)\n"
    "import random\nhand = random.Random(seed)\nhand.sample(rows, 3)",
    "a loader's generator": NET
    + "from torch.utils.data import DataLoader\n"
    + "DataLoader(rows, shuffle=True, generator=torch.Generator().manual_seed(seed))",
    "settings": SKLEARN
    + "settings = {'random_state': seed}\nRandomForestClassifier(**settings).fit(frame)",
    "arguments": "from transformers import TrainingArguments\nTrainingArguments('out', seed=seed)",
    "a module of the workspace": "from chance import fix_seeds\nfix_seeds(seed)\n"
    + NET
    + "nn.Linear(3, 1)",
    "training elsewhere": "from biopsy import train\nmodel = train(frame, seed)",
    "duckdb": "import duckdb\nduckdb.sql(f'SELECT setseed({seed})')",
    "jax": "import jax\nkey = jax.random.PRNGKey(seed)\njax.random.normal(key, (3,))",
    "nothing to draw": SKLEARN
    + "import numpy as np\nrng = np.random.default_rng(seed)\n"
    + "train_test_split(frame, shuffle=False)\n"
    + "from sklearn.linear_model import LogisticRegression\nLogisticRegression().fit(a, b)\n"
    + "from sklearn.model_selection import KFold\nKFold(5)",
    "a function of the notebook": "import numpy as np\ndef fix(seed):\n    np.random.seed(seed)\n"
    "fix(seed)\nnp.random.rand()",
}

NOTHING = "nothing seeds the random numbers"
UNSEEDED = {
    "nothing": ("frame = 1", NOTHING),
    "draws by numpy": ("import numpy as np\nnp.random.rand()", NOTHING),
    "seeded with nothing": ("import numpy as np\nnp.random.seed()", NOTHING),
    "no state": (
        SKLEARN + "train_test_split(frame, random_state=None)", NOTHING,
    ),
    "a seed that is only printed": (
        "import json\nprint(seed, json.dumps(seed))", NOTHING,
    ),
    "a seed in a sentence": ("'np.random.seed(seed)'  # seed", NOTHING),
    "one call of two": (
        SKLEARN + "train_test_split(frame, random_state=seed)\nRandomForestClassifier()",
        "cell 2: nothing seeds sklearn.ensemble.RandomForestClassifier()",
    ),
    "another library": (
        "import random\nrandom.seed(seed)\n" + NET + "nn.Linear(3, 1)",
        "cell 2: nothing seeds torch.nn.Linear()",
    ),
    "the graphics card only": (
        NET + "torch.cuda.manual_seed_all(seed)\nnn.Linear(3, 1)\ntorch.randn(3)",
        "cell 2: nothing seeds torch.nn.Linear(), torch.randn()",
    ),
    "a head before its trainer": (
        "import transformers\nargs = transformers.TrainingArguments('out', seed=seed)\n"
        "from peft import get_peft_model\nget_peft_model(model, config)",
        "cell 2: nothing seeds peft.get_peft_model()",
    ),
    "a generator without a seed": (
        "import numpy as np\nnp.random.seed(seed)\nrng = np.random.default_rng()",
        "cell 2: nothing seeds numpy.random.default_rng()",
    ),
    "a sample": (
        "import random\nrandom.seed(seed)\nframe.sample(frac=0.5)",
        "cell 2: nothing seeds sample()",
    ),
    "shuffled folds": (
        SKLEARN + "from sklearn.model_selection import KFold\nKFold(5, shuffle=True)\n"
        "train_test_split(frame, random_state=seed)",
        "cell 2: nothing seeds sklearn.model_selection.KFold()",
    ),
}  # fmt: skip


def said(source: str) -> list[Finding]:
    parameters = nbformat.v4.new_code_cell(
        "seed: int = 7  # 0..9: of everything", metadata={"tags": ["parameters"]}
    )
    notebook = nbformat.v4.new_notebook(cells=[parameters, nbformat.v4.new_code_cell(source)])
    return [each for each in checks.check_sources(notebook) if "seed" in each.code]


@pytest.mark.parametrize("how", SEEDED)
def test_a_notebook_that_seeds_what_draws_is_not_told_to(how: str) -> None:
    assert said(SEEDED[how]) == []


@pytest.mark.parametrize("how", UNSEEDED)
def test_a_notebook_that_draws_without_a_seed_is_told_what_draws(how: str) -> None:
    source, what = UNSEEDED[how]
    (found,) = said(source)
    assert (found.code, found.severity, found.what) == ("no-seed", "blocking", what)
    assert "training.seed_everything(seed)" in found.next


def test_a_seed_that_no_approval_covers_is_warned_of() -> None:
    (found,) = said("import numpy as np\nnp.random.seed(7)")
    assert (found.code, found.severity) == ("seed-not-a-parameter", "warning")
