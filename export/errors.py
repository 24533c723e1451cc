"""What can go wrong while a coefficient file is made.

ExportError
├── TrainingDataError       a training file that the notebook's steps cannot use
├── FitError                a fit that did not converge, or found no estimate
├── ApprovedDiffersError    the fit is not the approved equation; .differences
├── NoPreviousError         a store that does not say what came before its current version
└── VersionExistsError      that name and version exists with other bytes
"""

from __future__ import annotations

from collections.abc import Sequence


class ExportError(Exception):
    """Root of every error that export raises on purpose."""


class TrainingDataError(ExportError):
    """The training file lacks columns or rows, or holds cells that the notebook's steps cannot use."""


class FitError(ExportError):
    """A model that could not be fitted."""


class ApprovedDiffersError(ExportError):
    """The fit is not the approved equation, which may not be modified.

    Attributes:
        differences: one line for each difference.
    """

    def __init__(self, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        super().__init__("this fit is not the approved equation, so nothing was written")


class NoPreviousError(ExportError):
    """A store does not say what came before its current version."""


class VersionExistsError(ExportError):
    """A version is immutable: the name and version exist with other bytes."""
