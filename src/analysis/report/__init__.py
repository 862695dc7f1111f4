"""Reports of a study: notebooks run in clean kernels, their pages in every language, the numbers beside them."""

from analysis.report.assembly import Built, NotebookError, build

__all__ = ["Built", "NotebookError", "build"]
