"""What nobody should type and somebody will: tables that tests execute and the documentation shows.

``python -m tests.cli.bad_inputs`` writes ``docs/refused.md``.
"""

# ruff: noqa: E501 (the page is prose and tables, one row a line)

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

REGISTER = "data register biopsies {good} --owner Clinic --legal-basis consent"
SAM = " --as sam"


class Case(NamedTuple):
    """A line that somebody types, how it must end, and the words of its message."""

    line: str
    code: int
    said: str
    signed_by: tuple[str, ...] = ()


UNKNOWN = {
    "class": Case(f"{REGISTER} --class secret --purpose train{SAM}", 2, "no data class is called"),
    "purpose": Case(f"{REGISTER} --class health --purpose fun{SAM}", 2, "no purpose is called"),
    "purpose of the class": Case(
        f"{REGISTER} --class health --purpose deploy{SAM}", 2, "can't be registered for deploy"
    ),
    "person who registers": Case(
        f"{REGISTER} --class health --purpose train --as ghost", 3, "nobody here is called 'ghost'"
    ),
    "person who signs": Case(
        "reject triage@1 --reason no", 3, "nobody here is called 'mallory'", ("mallory",)
    ),
    "person who is given a role": Case(
        "people grant ghost --role reviewer", 2, "nobody here is called 'ghost'", ("ada",)
    ),
    "role that is given": Case(
        "people grant rita --role king", 2, "no role is called 'king'", ("ada",)
    ),
    "role of who is added": Case(
        "people add zoe --role king", 2, "no role is called 'king'", ("ada",)
    ),
    "release": Case("reject nothing@1 --reason no", 2, "there is no release", ("rita",)),
    "release to approve": Case(
        "approve nothing@1 --for run --meaning reviewed", 2, "there is no release", ("rita",)
    ),
    "environment": Case("deploy triage --env mars", 2, "no environment 'mars'", ("olga",)),
    "run": Case("release build run-1 --as olga", 2, "there is no run run-1"),
    "dataset": Case(
        f"data split nothing --by splits/by_patient.py --key patient{SAM}", 2, "is called 'nothing'"
    ),
    "dataset to withdraw": Case("data withdraw no@1 --reason x", 2, "is called 'no'", ("ada",)),
    "dataset to open": Case(
        "data may-learn no@1 --column x --reason x", 2, "is called 'no'", ("ada",)
    ),
    "dataset to recall": Case("recall open no@1 --reason x", 2, "is called 'no'", ("ada",)),
    "notebook": Case("promote nothing.ipynb", 2, "there is no notebook", ("sam",)),
}
UNFIT = {
    "a name that leaves its folder": Case(
        f"data register ../../etc/x {{good}} --class health --purpose train --owner Clinic "
        f"--legal-basis consent{SAM}", 2, "can't name a dataset",
    ),
    "a file that is not there": Case(
        f"data register b {{folder}}/gone.csv --class health --purpose train --owner Clinic "
        f"--legal-basis consent{SAM}", 6, "can't be read",
    ),
    "a symbolic link": Case(
        f"data register b {{folder}}/link.csv --class health --purpose train --owner Clinic "
        f"--legal-basis consent{SAM}", 2, "is a symbolic link",
    ),
    "the same by an address of this machine": Case(
        f"data register b file://{{folder}}/link.csv --class health --purpose train --owner Clinic "
        f"--legal-basis consent{SAM}", 2, "is a symbolic link",
    ),
    "an empty file": Case(
        f"data register b {{folder}}/empty.csv --class health --purpose train --owner Clinic "
        f"--legal-basis consent{SAM}", 2, "is empty",
    ),
    "an address with a credential": Case(
        f"data register b http://me:hunter2@host/x.csv --class health --purpose train "
        f"--owner Clinic --legal-basis consent{SAM}", 2, "a credential in it",
    ),
    "an address of no known kind": Case(
        f"data register b gopher://a/b --class health --purpose train --owner Clinic "
        f"--legal-basis consent{SAM}", 6, "can't be brought",
    ),
    "an object that is not there": Case(
        f"data register b memory://gone.csv --class health --purpose train --owner Clinic "
        f"--legal-basis consent{SAM}", 6, "there is no such file",
    ),
    "a database of no known kind": Case(
        f"data register b oracle.db --query select --class health --purpose train --owner Clinic "
        f"--legal-basis consent{SAM}", 2, "no database that is known",
    ),
    "somebody without the role": Case(
        f"{REGISTER} --class health --purpose train --as olga", 3, "may not register data"
    ),
    "somebody else's passphrase": Case(
        "reject triage@1 --reason no --as rita --passphrase-file {folder}/wrong", 3,
        "the key of rita did not open",
    ),
}  # fmt: skip
SETTINGS = {
    "a purpose of a class": (
        'purposes = ["explore", "fun"]', "Invalid enum value 'fun'", "explore, train, evaluate"
    ),
    "a role of readers": ('readers = ["king"]', "'king'", "administrator, data-scientist"),
    "a role of unmasked": ('unmasked = ["king"]', "'king'", "data-steward"),
    "a kind of masking": ('masked = { "name" = "smear" }', "'smear'", "redact, hash, drop"),
    "who sees all may not read": (
        'readers = ["auditor"]\nunmasked = ["data-steward"]', "may not read", "data-steward"
    ),
}  # fmt: skip
RULES = {
    "an unknown layer": ('[risk_classes.odd]\nlayers = ["vibes"]\n', "vibes", "calibration"),
    "a role that must sign": ('[risk_classes.odd.run]\neach = ["king"]\n', "'king'", "reviewer"),
}
BROKEN = {
    "nobody may sign": ("", "no role may"),
    "no TOML": ("", "line"),
}

POLICIES = {
    "a policy that does not parse": ("permit (principal action);", "unexpected token"),
    "an action that nobody knows": (
        '@id("a") permit (principal, action == Action::"fly", resource);', "fly"
    ),
    "a role, class or purpose that there is not": (
        '@id("a") forbid (principal in Role::"reviwer", action == Action::"read", resource);',
        "no role 'reviwer'",
    ),
    "an attribute that nothing has": (
        '@id("a") forbid (principal, action == Action::"read", resource)\n'
        'when { context has purposee && context.purpose == "train" };',
        "no attribute 'purposee'",
    ),
    "a permit that a forbid never lets count": (
        '@id("yes") permit (principal, action == Action::"run", resource);\n'
        '@id("no")\nforbid (principal,  action == Action::"run", resource); // never',
        "forbid always wins",
    ),
    "the same, laid out otherwise": (
        '@id("yes") permit (\n  principal,\n  action == Action::"run",\n  resource\n);\n'
        '@id("no") forbid(principal, action == Action::"run", resource);', "forbid always wins",
    ),
}  # fmt: skip
NAMES = ("../../x@1", "triage@../1", "/etc/passwd", "triage@1/../../x")
"""Names that would leave their folder: of a bundle to deploy, of a release to run."""
WRITTEN = Case(f"{REGISTER} --class health --purpose train{SAM}", 2, "open for writing")
CHANGED = Case(f"{REGISTER} --class health --purpose train --json{SAM}", 0, "version")


class Elsewhere(NamedTuple):
    """What no single command shows: what happens, the exit code, and the test that tries it."""

    happens: str
    code: str
    record: str
    test: str


ELSEWHERE = {
    "a registered file changes": Elsewhere(
        "registering it again makes the next version; the first stays as it was", "0",
        "both versions", "tests/cli/test_bad_input.py::"
        "test_a_changed_file_is_another_version_and_the_first_one_stays",
    ),
    "a file changes while it is read": Elsewhere(
        "`… changed while it was copied`; nothing half-made stays", "2", "denied",
        "tests/governance/test_objects.py::test_a_file_that_is_written_while_it_is_copied_is_refused",
    ),
    "two registrations at once": Elsewhere(
        "both succeed, in one order, with two versions", "0", "both",
        "tests/governance/test_catalog.py::test_eight_registrations_at_once_make_eight_versions",
    ),
    "an approval replayed on another release, or twice": Elsewhere(
        "it counts for nothing: the signature names its release, a copy is `a copy of an earlier "
        "entry`", "3 at the gate", "the entry, with why it does not count",
        "tests/cli/test_bad_input.py::test_an_approval_is_no_approval_of_another_release",
    ),
    "a clock that goes back": Elsewhere(
        "the ledger's order holds, and the latest moment that a signature puts on record: nothing expired or withdrawn "
        "comes back", "as without", "as without", "tests/cli/test_bad_input.py::"
        "test_a_clock_that_goes_back_changes_no_order_and_revives_nothing",
    ),
    "hostile metadata of a notebook": Elsewhere(
        "outputs and metadata stay behind at promotion; what is shown is text", "0", "promotion",
        "tests/cli/test_promote.py::test_outputs_and_metadata_stay_behind",
    ),
    "hostile text in a page": Elsewhere(
        "shown, never acted on; every page still prints on one sheet", "0", "-",
        "tests/audit/test_pages.py::test_nothing_that_somebody_wrote_is_acted_on",
    ),
    "control characters in what is typed": Elsewhere(
        "written out as `\\x1b`, shortened to 300 characters", "2", "denied",
        "tests/cli/test_bad_input.py::"
        "test_what_was_typed_does_not_act_on_the_terminal_of_who_reads_it_later",
    ),
    "a pickle or another program among the artifacts": Elsewhere(
        "`the run left what may run code when it is loaded`, under any name, compressed or in an "
        "archive (see below)", "5", "run failed",
        "tests/release/test_programs.py::test_a_pickle_is_refused_under_any_name",
    ),
    "a base model that runs code when it is loaded, or leads out of its folder": Elsewhere(
        "`can't be registered as a base model`, with each file and key (see docs/governance.md)",
        "3", "denied",
        "tests/governance/test_base_models.py::test_a_model_that_runs_code_is_refused",
    ),
    "weights that are no well-formed safetensors file": Elsewhere(
        "the run fails, and says what of the format's rules they break: a header that is cut off, too "
        "long, nested or no JSON, tensors that overlap, leave a hole or are not as long as their "
        "shape; so does whatever reads such a file", "5 or 4", "run failed",
        "tests/training/test_weights.py::test_a_header_that_lies_is_refused_in_words",
    ),
    "another process keeps a lock": Elsewhere(
        "after two seconds the waiting is told, with the file and the process that holds it; after "
        "two minutes (an hour where data is copied or the store made) it ends as a refusal", "6",
        "-",
        "tests/test_locks.py::"
        "test_a_lock_that_is_never_let_go_is_a_refusal_in_words",
    ),
    "a folder, a pipe, a device or a link to itself in a file's place": Elsewhere(
        "it is named, as what can't be read; nothing waits for it, and a verification goes on",
        "4 or 6", "-",
        "tests/audit/test_odd_files.py::test_whatever_lies_there_is_told_in_words",
    ),
    "any sequence of events": Elsewhere(
        "none reaches `released` without its gates (Hypothesis draws them)", "3", "-",
        "tests/release/test_registry.py::"
        "test_no_order_of_events_reaches_released_without_its_gates",
    ),
}  # fmt: skip


_PAGE = """\
# What is refused, and how it ends

Each refusal says what, why and what to do next, leaves everything as it was, and is on record: the person, the command and the reason in the ledger
(`governed lineage sql "select * from decisions where outcome <> 'allowed'"` lists them: what ends with 6, where a file or a disk
was missing and nobody refused anything, as `failed`, all else as `denied`). What only asks leaves no record. The tables are written from those
that the tests execute (`make reference`). Exit codes: 1 a check says no, 2 wrong use, 3 refused by policy or a missing approval, 4 integrity
broken, 5 the run failed, 6 a resource is missing. What a registration had copied before its content was refused has no name in the catalog;
`governed audit verify` shows it as a doubt, and `governed store collect` removes it a day later.

## What nobody knows

| unknown | typed | exit | says |
|---|---|---:|---|
{unknown}

## Data that does not fit

| what | typed | exit | says |
|---|---|---:|---|
{unfit}

## Rules that mean nothing

`governed policy adopt` refuses them with exit code 2, and names file and line:

| what | says |
|---|---|
{rules}

## Names that leave their folder

{names}: exit code 2 or 3 from `deploy` and `run`, one record each, and nothing is written anywhere.

## What happens around a command

| what | happens | exit | on record | tried by |
|---|---|---:|---|---|
{elsewhere}

## Files that run code when they are loaded

A run that leaves one fails, and no base model with one is registered, whatever it is called: a pickle is a program for whoever opens it, harmless or not, and weights have safetensors.
We look by content, load nothing, and refuse what can't be looked into. `modelscan` 0.8.8 looks by name and for calls that it knows as unsafe; it
is no part of this product. Both were asked about the same files (modelscan with its extras `tensorflow` and `h5py`, TensorFlow 2.21, numpy 2.4.6, Python 3.11;
`hostile` calls `os.system` when it is loaded). modelscan ends with 1 where it found something, 0 where it looked and found nothing, 3 where it looked at nothing.

| file | ours | modelscan |
|---|---|---|
| hostile pickle `.pkl`, protocols 0 and 4 | refused | found |
| the same, called `.txt` or `.safetensors` | refused | not looked at |
| harmless pickle, called `.bin` | refused | not looked at |
| `torch.save`, hostile, `.pt` | refused | found |
| `torch.save` of weights alone, `.pt` | refused (it is a pickle) | nothing found |
| `torch.save` of old, hostile, `.bin` | refused | **nothing found** |
| joblib `.joblib`, hostile | refused | found |
| the same, compressed by zlib | refused | error, not looked at |
| pickle in gzip, `.pkl.gz` | refused | not looked at |
| numpy array or archive of objects, hostile | refused | error with this numpy, not looked at |
| cloudpickle of a function, `.pkl` | refused | **nothing found** |
| gzip of a pickle within a zip | refused | not looked at |
| zip with a damaged member, zip in a zip, zip behind a script's line | refused | not looked at |
| tar and tar.gz (`.nemo`) with a pickle | refused | not looked at |
| Keras 3 or HDF5 with a `Lambda` layer | refused | found |
| the same HDF5, called `.bin` | refused | not looked at |
| TensorFlow graph with `WriteFile` | refused | found |
| safetensors, numpy array of numbers, text | taken | not looked at |

modelscan found nothing here that ours takes; the tars, the nested and hidden zips, Keras and TensorFlow were taken by ours too until they were tried. It takes 5 seconds a file with TensorFlow, ours milliseconds.
Whoever wants its opinion as well: `modelscan scan -p .governed/runs/RUN/output`.
"""


def page() -> str:
    """``docs/refused.md``, its tables written from these."""
    return _PAGE.format(
        unknown="\n".join(_rows(UNKNOWN)),
        unfit="\n".join(_rows(UNFIT | {"a file that is being written": WRITTEN})),
        rules="\n".join(_rules()),
        names=", ".join(f"`{name}`" for name in NAMES),
        elsewhere="\n".join(
            f"| {what} | {row.happens} | {row.code} | {row.record} | "
            f"`{row.test.partition('::')[0]}` |"
            for what, row in ELSEWHERE.items()
        ),
    )


def _rows(cases: dict[str, Case]) -> Iterator[str]:
    for what, case in cases.items():
        shown = case.line.replace("{good}", "records.csv").replace("{folder}/", "")
        signed = "".join(f" --as {person}" for person in case.signed_by)
        yield f"| {what} | `governed {shown}{signed}` | {case.code} | {case.said} |"


def _rules() -> Iterator[str]:
    for what, (_, *said) in {**SETTINGS, **RULES, **BROKEN}.items():
        yield f"| {what} | `governed.toml, line …`: {', '.join(said)} |"
    for what, (_, words) in POLICIES.items():
        yield f"| {what} | `policies/mine.cedar, line …`: {words} |"


if __name__ == "__main__":
    sys.stdout.write(page())
