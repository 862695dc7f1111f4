"""What can have moved the numbers of a report: what differs between the provenance of two editions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.words import N_, _

WORDING = ("title", "background", "language", "contact", "corrections")  # parameters that move no number
UNCOMMITTED = " with uncommitted changes"
WHY = {
    "data": N_("Data that changed: {names}."),
    "code": N_("The code changed from version {before} to version {after}."),
    "parameter": N_("Parameters that changed: {names}."),
    "version": N_("Software that changed: {names}."),
}


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between the editions' provenance: its kind (a key of `WHY`), and the notebooks that it reaches."""

    kind: str
    name: str
    before: Any
    after: Any
    notebooks: frozenset[str]

    def __str__(self) -> str:
        moved = " → ".join("–" if value is None else str(value)[:40] for value in (self.before, self.after))
        return {"data": self.name, "code": moved}.get(self.kind, f"{self.name}: {moved}")


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """What differs between two provenance.json; nothing where one is missing.

    Uncommitted changes of the code may differ although the commit does not.
    """
    was, now = _facts(before), _facts(after)
    shared = before.get("notebooks", {}).keys() & after.get("notebooks", {}).keys()
    reached: dict[tuple, set[str]] = {}
    for kind, name, notebook in was.keys() | now.keys():
        pair = was.get((kind, name, notebook)), now.get((kind, name, notebook))
        if notebook in shared and (pair[0] != pair[1] or (kind == "code" and UNCOMMITTED in "".join(pair))):
            reached.setdefault((kind, name, *pair), set()).add(notebook)
    found = [Change(*key, frozenset(notebooks)) for key, notebooks in reached.items()]
    return sorted(found, key=lambda change: (list(WHY).index(change.kind), change.name))


def _facts(provenance: dict[str, Any]) -> dict[tuple[str, str, str], Any]:
    """What each notebook's numbers rest on, by kind, name and notebook.

    Data outside data/raw and data/derived are the ledger, and reach the notebooks that take it.
    """
    facts: dict[tuple[str, str, str], Any] = {}
    for notebook, run in provenance.get("notebooks", {}).items():
        parameters = run.get("parameters", {})
        facts["code", "commit", notebook] = code(run)
        facts |= {("parameter", name, notebook): v for name, v in parameters.items() if name not in WORDING}
        facts |= {("version", name, notebook): v for name, v in run.get("versions", {}).items()}
        for file in provenance.get("data", []):
            checked_in = file["file"].startswith(("data/raw/", "data/derived/"))
            if (checked_in or "ledger" in parameters) and not file["file"].endswith(".md"):
                facts["data", file["file"], notebook] = file["sha256"]
    return facts


def sentences(changed: list[Change]) -> list[str]:
    """A sentence a kind of change."""
    sentences = []
    for kind, sentence in WHY.items():
        if of_kind := [change for change in changed if change.kind == kind]:
            names = _("; ").join(f"\u2066{change}\u2069" for change in of_kind)
            versions = {"before": _version(of_kind[0].before), "after": _version(of_kind[0].after)}
            sentences.append(_(sentence).format(names=names, **versions))
    return sentences or [_("Why they moved is unknown.")]


def code(run: dict[str, Any]) -> str:
    """The version of the code behind one run."""
    return run.get("commit", "unknown")[:10] + UNCOMMITTED * bool(run.get("modified"))


def _version(told: Any) -> str:
    """What `code` gave, in the language spoken now."""
    commit, *modified = str(told).split(" ", 1)
    return f"\u2066{commit}\u2069" + (" (" + _("with uncommitted changes") + ")" if modified else "")
