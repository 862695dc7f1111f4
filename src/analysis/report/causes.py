"""What can have moved the numbers of a report: what differs between the provenance of two editions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.words import N_, _

WORDING = ("title", "background", "language", "contact", "corrections")  # parameters that move no number
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

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, without the notebooks."""
        return {name: getattr(self, name) for name in ("kind", "name", "before", "after")}

    def __str__(self) -> str:
        before, after = ("–" if v is None else str(v)[:40] for v in (self.before, self.after))
        if self.kind == "data":
            return self.name
        return f"{before} → {after}" if self.kind == "code" else f"{self.name}: {before} → {after}"


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """What differs between two provenance.json; nothing where one is missing.

    Uncommitted changes of the code may differ although the commit does not. Data outside data/raw and data/derived are
    the ledger, and reach the notebooks that take it.
    """
    found: dict[tuple[str, str], Change] = {}
    shared = before.get("notebooks", {}).keys() & after.get("notebooks", {}).keys()
    for notebook in sorted(shared):
        runs = [entry["notebooks"][notebook] for entry in (before, after)]
        known = [{("code", "commit"): code(run)} for run in runs]
        for side, run, entry in zip(known, runs, (before, after), strict=True):
            side |= {("parameter", n): v for n, v in run.get("parameters", {}).items() if n not in WORDING}
            side |= {("version", n): v for n, v in run.get("versions", {}).items()}
            for file in entry.get("data", []):
                checked_in = file["file"].startswith(("data/raw/", "data/derived/"))
                if (checked_in or "ledger" in run.get("parameters", {})) and not file["file"].endswith(".md"):
                    side["data", file["file"]] = file["sha256"]
        for key in known[0].keys() | known[1].keys():
            was, now = (side.get(key) for side in known)
            if was != now or (key[0] == "code" and any(run.get("modified") for run in runs)):
                reached = found[key].notebooks if key in found else frozenset()
                found[key] = Change(*key, was, now, reached | {notebook})
    return sorted(found.values(), key=lambda change: (list(WHY).index(change.kind), change.name))


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
    return run.get("commit", "unknown")[:10] + (" with uncommitted changes" if run.get("modified") else "")


def _version(told: Any) -> str:
    """What `code` gave, in the language spoken now."""
    commit, *modified = str(told).split(" ", 1)
    return f"\u2066{commit}\u2069" + (" (" + _("with uncommitted changes") + ")" if modified else "")
