"""The errors that export raises on purpose, as one tree.

ExportError
├── TrainingDataError       the notebook's steps cannot use the training file
├── FitError                the fit did not converge, or found no estimate
├── ApprovedDiffersError    the fit is not the approved equation; .differences
├── NoPreviousError         the store does not know what came before its current version
└── VersionExistsError      the version exists with other bytes
"""

from __future__ import annotations

from collections.abc import Sequence


class ExportError(Exception):
    """Root of the errors that export raises on purpose."""


class TrainingDataError(ExportError):
    """The training file lacks columns or rows, or has cells that the notebook's steps cannot use."""


class FitError(ExportError):
    """The model could not be fitted."""


class ApprovedDiffersError(ExportError):
    """The fit is not the approved equation.

    Attributes:
        differences: one line for each difference.
    """

    def __init__(self, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        super().__init__("this fit is not the approved equation, so nothing was written")


class NoPreviousError(ExportError):
    """The store does not know what came before its current version."""


class VersionExistsError(ExportError):
    """The version exists with other bytes. Versions are immutable."""
