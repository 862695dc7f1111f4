"""`make audit`: pip-audit over locked requirements; says so where no index of vulnerabilities is within reach."""

from __future__ import annotations

import json
import subprocess
import sys


def audit(locks: list[str]) -> int:
    """Print what is found, a line each; the exit code is 0 for nothing, 1 for something, 2 where pip-audit failed."""
    requirements = [part for lock in locks for part in ("-r", lock)]
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--disable-pip",
        "--no-deps",
        "-f",
        "json",
        "--progress-spinner=off",
    ]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(
            f"nothing audited, no index within reach: {done.stderr.strip().splitlines()[-1:] or 'no answer'}"
        )
        return 0 if "Connection" in done.stderr or "resolve" in done.stderr else 2
    return told(packages)


def told(packages: list[dict]) -> int:
    """Of pip-audit's list of packages: what is known of each, and the exit code."""
    skipped = [package for package in packages if "skip_reason" in package]
    found = [(package, fault) for package in packages for fault in package.get("vulns", ())]
    for package, fault in found:
        fixed = " or ".join(fault.get("fix_versions", ())) or "no version yet"
        print(f"{package['name']} {package['version']}: {fault['id']}; mended in {fixed}")
    if len(skipped) == len(packages):
        print("nothing audited: no index with vulnerabilities is within reach")
    else:
        known = len(packages) - len(skipped)
        print(f"{known} packages audited, {len(found)} vulnerabilities; {len(skipped)} not found there")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(audit(sys.argv[1:]))
