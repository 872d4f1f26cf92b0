"""scikit-learn: what a prediction owes to the data it was made from and to what was learned."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governed_kernel.lineage.events import Transformation

from .origins import origins_of
from .recording import Begun, Recording, well_ended

READ = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, MinMaxScaler
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.feature_selection import f_classif
from sklearn.cluster import KMeans
from sklearn.model_selection import GroupShuffleSplit, KFold, StratifiedKFold, TimeSeriesSplit
import sklearn.naive_bayes
train = pd.read_csv("train.csv")
test = pd.read_csv("test.csv")
X, y = train[["a", "b"]], train["y"]
"""
TRAIN = "a,b,c,y\n" + "".join(f"{n},{n * n % 7},{n % 3},{n % 2}\n" for n in range(20))


Run = Callable[..., Recording]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Records cells that go on from `READ`."""
    folder = tmp_path_factory.mktemp("learning")
    (folder / "train.csv").write_text(TRAIN)
    (folder / "test.csv").write_text(TRAIN)
    begun = Begun(folder, [READ])

    def recorded(*cells: str) -> Recording:
        (folder / "out.csv").unlink(missing_ok=True)
        return well_ended(begun.record(cells))

    yield recorded
    begun.end()


def behind(done: Recording, column: str, evidence: str = "observed") -> set[str]:
    """Columns of the files that a column of out.csv owes to, by evidence."""
    found = origins_of(done.of(Transformation), (Path(done.folder) / "out.csv").as_uri(), column)
    return {
        f"{uri.rpartition('/')[2].removesuffix('.csv')}.{name}"
        for uri, name, _, kind in found
        if kind == evidence
    }


LEARNED = {"train.a", "train.b", "train.y"}


def test_a_prediction_owes_to_its_data_and_to_what_was_learned(run: Run) -> None:
    done = run(
        "model = LogisticRegression()\nmodel.fit(X, y)",
        "pd.DataFrame({'p': model.predict(test[['a', 'b']])}).to_csv('out.csv', index=False)",
    )
    assert behind(done, "p") == {"test.a", "test.b", *LEARNED}
    assert "LogisticRegression.fit" in done.operations(2)


def test_a_scaled_column_owes_to_its_own(run: Run) -> None:
    done = run(
        "scaler = StandardScaler().set_output(transform='pandas')",
        "scaler.fit_transform(X).to_csv('out.csv', index=False)",
    )
    found = origins_of(done.of(Transformation), (Path(done.folder) / "out.csv").as_uri(), "a")
    assert {name for _, name, _, _ in found} == {"a"}
    steps = [step for step in done.of(Transformation, 3) if step.library == "sklearn"]
    own = [
        (edge.output_column, edge.input_column)
        for step in steps
        for edge in step.columns
        if edge.output_column != "*"
    ]
    assert set(own) == {("a", "a"), ("b", "b")}


APART = {
    "scaled": ("StandardScaler()", {"a": {"a"}, "b": {"b"}}),
    "binned": ("KBinsDiscretizer(2, encode='ordinal')", {"a": {"a"}, "b": {"b"}}),
    "imputed": ("SimpleImputer()", {"a": {"a"}, "b": {"b"}}),
    "encoded": ("OneHotEncoder(sparse_output=False)", {"a_0": {"a"}, "b_1": {"b"}}),
    "chained": ("make_pipeline(SimpleImputer(), StandardScaler())", {"a": {"a"}, "b": {"b"}}),
    "side by side": (
        "make_column_transformer((StandardScaler(), ['b']), ('passthrough', ['a']))",
        {"standardscaler__b": {"b"}, "passthrough__a": {"a"}},
    ),
    "a part of all": (
        "make_column_transformer((PCA(1), ['a', 'b']), (StandardScaler(), ['c']))",
        {"pca__pca0": set(), "standardscaler__c": {"c"}},
    ),
    "a union": (
        "make_union(StandardScaler(), MinMaxScaler())",
        {"standardscaler__a": {"a"}, "minmaxscaler__b": {"b"}},
    ),
    "powers": (
        "PolynomialFeatures(2)",
        {"1": set(), "a": {"a"}, "b": {"b"}, "a^2": {"a"}, "a b": {"a", "b"}},
    ),
    "a function of numpy's": ("FunctionTransformer(np.log1p)", {"a": {"a"}, "b": {"b"}}),
    "a user's own": ("type('Mine', (StandardScaler,), {})()", {"a": {"a"}, "b": {"b"}}),
}


AS_GIVEN = ("passthrough__a",)
"""What nothing was learned of."""


@pytest.mark.parametrize("name", APART)
def test_a_feature_owes_to_the_columns_that_it_is_made_of(run: Run, name: str) -> None:
    made, owing = APART[name]
    given = "['a', 'b', 'c']" if "'c'" in made else "['a', 'b']"
    begin = f"step = {made}.set_output(transform='pandas')"
    at_once = (begin, f"step.fit_transform(train[{given}]).to_csv('out.csv', index=False)")
    later = (
        f"{begin}\nstep.fit(train[{given}])",
        f"out = step.transform(test[{given}])",
        "out.to_csv('out.csv', index=False)",
    )
    for cells, files in ((at_once, ["train"]), (later, ["train", "test"])):
        done = run(*cells)
        for column, names in owing.items():
            known = files[-1:] if column in AS_GIVEN else files
            assert behind(done, column) == {f"{file}.{each}" for file in known for each in names}


def test_what_is_scaled_back_owes_to_its_own_column(run: Run) -> None:
    done = run(
        "scaler = StandardScaler().fit(train[['b', 'a']])",
        "made = scaler.inverse_transform(test[['b', 'a']].to_numpy())",
        "pd.DataFrame(made, columns=['p', 'q']).to_csv('out.csv', index=False)",
    )
    assert [behind(done, name) for name in "pq"] == [{"test.b", "train.b"}, {"test.a", "train.a"}]


def test_what_is_learned_by_and_by_is_learned_of_each_column_apart(run: Run) -> None:
    done = run(
        "scaler = StandardScaler()",
        "scaler.partial_fit(train[['b', 'a']])\nscaler.partial_fit(test[['b', 'a']])",
        "made = scaler.transform(train[['c', 'c']].to_numpy())",
        "pd.DataFrame(made, columns=['p', 'q']).to_csv('out.csv', index=False)",
    )
    learned = [{f"{file}.{name}" for file in ("train", "test")} for name in "ba"]
    assert [behind(done, name) - {"train.c"} for name in "pq"] == learned


def test_a_class_that_changes_how_it_learns_is_taken_to_learn_of_all(run: Run) -> None:
    done = run(
        "class Mixed(StandardScaler):\n"
        "    def partial_fit(self, X, y=None, sample_weight=None):\n"
        "        return super().partial_fit(X[['b', 'a']].set_axis(['a', 'b'], axis=1))",
        "Mixed().set_output(transform='pandas').fit_transform(X).to_csv('out.csv', index=False)",
    )
    assert "train.b" in behind(done, "a")


def test_what_is_learned_of_all_columns_is_made_of_all(run: Run) -> None:
    done = run("PCA(1).set_output(transform='pandas').fit_transform(X).to_csv('out.csv')")
    assert behind(done, "pca0") == {"train.a", "train.b"}


def test_a_selected_column_is_the_column_itself(run: Run) -> None:
    done = run(
        "pick = SelectKBest(f_classif, k=1).set_output(transform='pandas')\n"
        "best = pick.fit_transform(train[['y', 'a']], y)",
        "best.to_csv('out.csv', index=False)",
    )
    (edge,) = [
        edge
        for step in done.of(Transformation, 2)
        for edge in step.columns
        if edge.relation == "IDENTITY" and edge.output_column == "y" and step.library == "sklearn"
    ]
    assert edge.input_column == "y"


@pytest.mark.parametrize(
    "selector",
    [
        "SelectKBest(f_classif, k=1)",
        "VarianceThreshold(30)",
        "RFE(LogisticRegression(), n_features_to_select=1)",
        "SelectFromModel(LogisticRegression(), max_features=1, threshold=-1)",
    ],
)
@pytest.mark.parametrize("form", ["pandas", "default"])
def test_what_was_fitted_on_only_chooses_a_selected_column(
    run: Run, selector: str, form: str
) -> None:
    given = "X" if "Variance" in selector else "X, y"
    done = run(
        f"pick = {selector}.set_output(transform='{form}')",
        f"best = pick.fit({given}).transform(X)",
        "pd.DataFrame(best).set_axis(['best'], axis=1).to_csv('out.csv', index=False)",
    )
    found = origins_of(done.of(Transformation), (Path(done.folder) / "out.csv").as_uri(), "best")
    told = {(name, relation) for _, name, relation, kind in found if kind == "observed"}
    own = {name for name, relation in told if relation == "IDENTITY"}
    assert len(own) == 1
    learned = {"a", "b"} | ({"y"} if "y" in given else set())
    assert told - {(name, "IDENTITY") for name in own} == {(n, "CONDITIONAL") for n in learned}


@pytest.mark.parametrize(
    "cell",
    [
        "model = make_pipeline(StandardScaler(), LogisticRegression())\nmodel.fit(X, y)",
        "model = LogisticRegression().fit(X, y)",
        "model = sklearn.naive_bayes.GaussianNB().fit(X, y)",
        "model = LogisticRegression().fit(X.to_numpy(), y.to_numpy())",
        "def learn(X, y):\n    return LogisticRegression().fit(X, y)\nmodel = learn(X, y)",
        "class Mine(LogisticRegression): pass\nmodel = Mine()\nmodel.fit(X, y)",
    ],
)
def test_what_was_learned_is_known_however_it_was_written(run: Run, cell: str) -> None:
    done = run(
        cell,
        "p = model.predict(test[['a', 'b']].to_numpy())",
        "pd.Series(p, name='p').to_csv('out.csv', index=False)",
    )
    assert behind(done, "p") == {"test.a", "test.b", *LEARNED}


def test_what_is_learned_from_a_list_is_inferred(run: Run) -> None:
    done = run(
        "rows = [[a, b] for a, b in zip(train['a'], train['b'])]\n"
        "model = LogisticRegression().fit(rows, list(y))",
        "pd.DataFrame({'p': model.predict(rows)}).to_csv('out.csv', index=False)",
    )
    assert behind(done, "p", "inferred") == LEARNED


def test_a_score_owes_to_both(run: Run) -> None:
    done = run(
        "model = LogisticRegression().fit(X, y)\nscore = model.score(test[['a', 'b']], test['y'])",
        "open('out.csv', 'w').write(str(score))",
    )
    assert behind(done, "*", "inferred") == {"test.a", "test.b", "test.y", *LEARNED}


def test_clusters_owe_to_what_was_clustered(run: Run) -> None:
    done = run(
        "labels = KMeans(2, n_init=1).fit_predict(X)",
        "pd.DataFrame({'p': labels}).to_csv('out.csv', index=False)",
    )
    assert behind(done, "p") == {"train.a", "train.b"}


@pytest.mark.parametrize("wrapped", ["", ", get_feature_names_out=lambda self, given: ['a', 'b']"])
def test_an_estimator_of_the_user_s_owes_to_what_its_own_code_takes(run: Run, wrapped: str) -> None:
    """It used to be a library's: all of its data went into all that it gave, as if observed."""
    done = run(
        "from sklearn.base import BaseEstimator, TransformerMixin\n"
        "def fit(self, X, y=None):\n"
        "    self.middle_ = X['a'].median()\n"
        "    return self\n"
        "def transform(self, X):\n"
        "    return pd.DataFrame({'a': X['a'] - self.middle_, 'b': X['b']})\n"
        "Centred = type('Centred', (BaseEstimator, TransformerMixin), "
        f"dict(fit=fit, transform=transform{wrapped}))",
        "Centred().fit_transform(train).to_csv('out.csv', index=False)",
    )
    assert behind(done, "a") == {"train.a"}
    assert behind(done, "b") == {"train.b"}
    assert not behind(done, "b", "conservative") | behind(done, "b", "inferred")


@pytest.mark.parametrize(
    ("divided", "deciding"),
    [
        ("KFold(2).split(train)", set()),
        ("KFold(2).split(X.to_numpy(), y)", set()),
        ("TimeSeriesSplit(2).split(X, y)", set()),
        ("StratifiedKFold(2).split(X, y)", {"train.y"}),
        ("StratifiedKFold(2).split(X, y.to_list())", {"train.y"}),
        ("GroupShuffleSplit(2, random_state=0).split(X, y, groups=train['c'])", {"train.c"}),
    ],
)
@pytest.mark.parametrize("taken", ["X.iloc[rows]", "X.iloc[rows[:5]]", "X.take(rows)"])
def test_rows_of_a_fold_owe_to_what_divides_them_alone(
    run: Run, divided: str, deciding: set[str], taken: str
) -> None:
    done = run(
        f"folds = list({divided})", "rows = folds[0][0]", f"{taken}.to_csv('out.csv', index=False)"
    )
    assert behind(done, "a") == {"train.a"}
    assert behind(done, "a", "inferred") == deciding
    assert behind(done, "a", "conservative") == set()


def test_predictions_that_a_loop_over_folds_fills_in_owe_to_no_column_beside(run: Run) -> None:
    done = run(
        "import numpy as np\nmade = np.zeros(len(train))",
        "for rows, left in KFold(2, shuffle=True, random_state=0).split(train):\n"
        "    model = LogisticRegression().fit(X.iloc[rows], y.iloc[rows])\n"
        "    made[left] = model.predict(X.iloc[left])",
        "pd.DataFrame({'made': made}).to_csv('out.csv', index=False)",
    )
    assert behind(done, "made") == set()
    assert behind(done, "made", "inferred") == LEARNED


def test_what_a_step_of_the_user_s_takes_in_a_pipeline_is_not_certain(run: Run) -> None:
    done = run(
        "from sklearn.base import BaseEstimator, TransformerMixin\n"
        "class Only(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, X, y=None): return self\n"
        "    def transform(self, X): return X[['a']]",
        "model = make_pipeline(Only(), LogisticRegression()).fit(train[['a', 'b', 'c']], y)",
        "made = pd.DataFrame({'made': model.predict(test[['a', 'b', 'c']])})",
        "made.to_csv('out.csv', index=False)",
    )
    assert behind(done, "made") == {"train.y"}
    tables = {f"{name}.{column}" for name in ("train", "test") for column in "abc"}
    assert behind(done, "made", "conservative") == tables
