"""The loop, walked once: a copy of the workspace at each stage, made when a test first asks."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.loop import berries
from tests.loop.environment import PythonEnvironment
from tests.loop.place import Place, papermill

PEOPLE = {
    "dora": ["data-scientist", "data-steward", "reviewer"],
    "rui": ["reviewer"],
    "kim": ["domain-expert"],
    "mara": ["model-risk"],
    "otto": ["operator"],
    "aida": ["auditor"],
}


@dataclass(frozen=True)
class Stages:
    """Never changed: tests work on copies. Promotion alone happens in `home`, where it ran."""

    base: Path
    environment: PythonEnvironment
    run_seconds: int = berries.RUN_SECONDS

    @functools.cached_property
    def researched(self) -> Place:
        """Catalogued data and base model, and a notebook that was run on the research kernel."""
        place = Place(self.base / "work" / "berries", self.base / "work" / "home", self.environment)
        berries.write(place.root, self.run_seconds)
        (place.home / "passphrases").mkdir(parents=True)
        for person in ("ada", "mallory", *PEOPLE):
            secret = place.home / "passphrases" / person
            secret.write_text(f"the passphrase of {person}\n")
        place.done_here(f"init {place.root} --printed-name 'Ada Lovelace' {{ada}}")
        for person, roles in PEOPLE.items():
            given = " ".join(f"--role {role}" for role in roles)
            own = place.home / "passphrases" / person
            place.done_here(
                f"people add {person} {given} --printed-name {person.title()} "
                f"--key-passphrase-file '{own}' {{ada}}"
            )
        common = "--owner Kitchen --legal-basis 'picked by us' --class public --as dora"
        common += " --purpose explore --purpose train --purpose evaluate --purpose validate"
        hidden = "--never-learn berry_id"
        place.done_here(f"data register berries berries.csv {hidden} {common}")
        said = "--licence BSD-3-Clause --origin 'our own kitchen' --training-data 'sweets of 2025' "
        said += "--intended-use 'tasting berries' --adaptation 'sour berries are new to it'"
        place.done_here(f"data register palate palate --kind model {said} {common}")
        split = "data split berries --by splits/by_taste.py --key berry_id --target taste"
        place.done_here(f"{split} --as dora")
        papermill(place, berries.NOTEBOOK)
        return place

    @functools.cached_property
    def candidate(self) -> Place:
        """Promoted by Dora."""
        place = self.researched
        place.done(f"promote {berries.NOTEBOOK} {{dora}}")
        return place.copy(self.base / "candidate")

    @functools.cached_property
    def approved(self) -> Place:
        """Approved for a run by Rui and Kim."""
        place = self.candidate.copy(self.base / "approved")
        for person in ("rui", "kim"):
            place.done_here(f"approve sour --for run --meaning reviewed {{{person}}}")
        return place

    @functools.cached_property
    def executed(self) -> Place:
        """Run once, with every default."""
        place = self.approved.copy(self.base / "executed")
        place.done("run sour --as otto")
        return place

    @functools.cached_property
    def validated(self) -> Place:
        """Validated on the locked holdout, and approved for deployment by Mara."""
        place = self.executed.copy(self.base / "validated")
        place.done(f"validate {self.run_id} --as otto")
        place.done_here("approve sour --for deployment --meaning approved {mara}")
        return place

    @functools.cached_property
    def released(self) -> Place:
        """Its bundle is sealed, and live in preprod."""
        place = self.validated.copy(self.base / "released")
        place.done_here("deploy sour --env preprod {otto}")
        return place

    @functools.cached_property
    def run_id(self) -> str:
        """The run of `executed` and of what comes after it."""
        (run,) = self.executed.release()["runs"]
        return str(run["run"])


@functools.cache
def _stages(base: Path) -> Stages:
    return Stages(base, PythonEnvironment.make(base / "environment"))


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    # Several conftest files give this fixture; the loop is walked once for all of them.
    return _stages(tmp_path_factory.getbasetemp() / "loop")
