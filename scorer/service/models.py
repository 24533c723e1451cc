"""Settings → where the models of one worker come from, kept current and handed to its app."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from scorer.errors import CoefficientFileError, ScorerError, SettingError, StoreError
from scorer.service.holder import Holder, ServedModel
from scorer.service.settings import Settings
from scorer.service.shadow import Shadow
from scorer.service.telemetry.counters import Key
from scorer.store.cache import LastGood
from scorer.store.directory import shipped
from scorer.store.opening import open_storage
from scorer.store.refresh import Refresher, VersionRecord
from scorer.store.sources import Loaded, OneFile, PollResult, Source, Verifier, Versions
from scorer.store.storage import Storage


class Models:
    """The model that a worker serves, and the one that it tries out.

    Attributes:
        holder: of both, for the app.
        source: where the served one comes from.
        shadow_source: where the one that is tried out comes from; None for none.
    """

    def __init__(self, settings: Settings) -> None:
        """Opens the store, and reads nothing of it yet.

        Raises:
            SettingError: a setting that cannot be used.
        """
        self._settings = settings
        self._verifier = _verifier(settings)
        self.source: Source = self._source()
        self.holder = Holder()
        self._refresher = self._make_refresher(self.source, settings.version, self._serve)
        self.shadow_source = self._versions("shadow_version") if settings.shadow_version else None
        self._shadow_refresher = self._make_shadow_refresher()

    def first_poll(self) -> PollResult | None:
        """Looks at a local source before anything is started; None where it is not local, or a store without a model.

        Raises:
            CoefficientFileError: a single file cannot be served.
        """
        if not self.source.local:
            return None
        try:
            return self.source.poll()
        except CoefficientFileError:
            if isinstance(self.source, OneFile):
                raise
            return None

    def start(self, first: PollResult | None = None) -> None:
        """Loads what is there, and keeps it current from then on.

        Args:
            first: what first_poll gave.
        """
        self._refresher.start(first)
        if self._shadow_refresher:
            self._shadow_refresher.start()

    def wake(self) -> None:
        """Looks at the store at once. May be called from a signal's handler."""
        for refresher in filter(None, (self._refresher, self._shadow_refresher)):
            refresher.wake()

    def _source(self) -> Source:
        settings = self._settings
        if not settings.model.endswith(".json") and not Path(settings.model).is_file():
            return self._versions("version")
        for name in ("version", "shadow_version"):
            if getattr(settings, name):
                raise SettingError(f"SCORER_{name.upper()}", "needs a store, and SCORER_MODEL is a single file")
        directory, _, name = settings.model.rpartition("/")
        return OneFile(self._storage(directory or "."), name, self._verifier)

    def _versions(self, setting: str) -> Versions:
        storage = self._storage(self._settings.model or str(shipped()))
        try:
            return Versions(storage, getattr(self._settings, setting), self._verifier)
        except ValueError as error:
            raise SettingError(f"SCORER_{setting.upper()}", str(error)) from None

    def _storage(self, address: str) -> Storage:
        try:
            return open_storage(address, self._settings.store_seconds)
        except StoreError as error:
            raise SettingError("SCORER_MODEL", str(error)) from None

    def _make_refresher(self, source: Source, version: str, use: Any) -> Refresher:
        directory = self._settings.cache_dir
        cache = LastGood(Path(directory), source.name, version, self._verifier) if directory else None
        return Refresher(source, use, self._settings.refresh_seconds, cache)

    def _make_shadow_refresher(self) -> Refresher | None:
        version = self._settings.shadow_version
        return self._make_refresher(self.shadow_source, version, self._use_shadow) if self.shadow_source else None

    def _serve(self, loaded: Loaded) -> None:
        self.holder.served = ServedModel(loaded.scorer)

    def _use_shadow(self, loaded: Loaded) -> None:
        self.holder.shadow = Shadow(loaded.scorer, self._settings.shadow_share)

    def report(self) -> dict[str, Any]:
        """How the served model stands with its store: for GET /model."""
        status = self._refresher.status
        shadow = self.holder.shadow
        report: dict[str, Any] = {
            "pid": os.getpid(),
            "source": status.source,
            "pinned": bool(self._settings.version),
            "signed": self._verifier is not None,
            "current": _version(status.current),
            "previous": _version(status.previous),
            "looked": status.polled,
            "failing": status.failing is not None,
            "failures": status.failures,
            "last_failure": status.last_failure._asdict() if status.last_failure else None,
        }
        if self._shadow_refresher:
            failing = self._shadow_refresher.status.failing
            report["shadow"] = (shadow.report() if shadow else {}) | {"failing": failing.reason if failing else None}
        return report

    def gauges(self) -> dict[Key, float]:
        """What metrics tell of the model and its store, by name and labels."""
        status = self._refresher.status
        gauges: dict[Key, float] = {
            ("workers",): 1.0,
            ("model_swaps",): float(status.swaps),
            ("model_failures",): float(status.failures),
            ("model_failing",): float(status.failing is not None),
        }
        if status.current:
            model, version, sha256, since, *_ = status.current
            gauges["model_info", model, version, sha256] = 1.0
            gauges["model_loaded_timestamp_seconds",] = datetime.fromisoformat(since).timestamp()
        if shadow := self.holder.shadow:
            report = shadow.report()
            version = report["version"]
            gauges["shadow_rows", version] = float(report["rows"])
            gauges["shadow_failures", version] = float(report["requests_failed"])
            gauges["shadow_flipped", version] = float(report["outcomes_flipped"])
            gauges["shadow_difference", version] = shadow.difference
        return gauges

    def history(self) -> list[dict[str, Any]]:
        """The versions that this worker has served."""
        return [version._asdict() for version in self._refresher.status.history]


def _version(version: VersionRecord | None) -> dict[str, Any] | None:
    return version._asdict() if version else None


def _verifier(settings: Settings) -> Verifier | None:
    if not settings.public_key:
        return None
    try:
        from scorer.store.signing import PublicKey  # who checks no signatures need not have cryptography
    except ModuleNotFoundError as error:
        raise SettingError(
            "SCORER_PUBLIC_KEY", f"needs {error.name}: pip install 'coefficient-scorer[store]'"
        ) from None
    try:
        return PublicKey(Path(settings.public_key))
    except ScorerError as error:
        raise SettingError("SCORER_PUBLIC_KEY", str(error)) from None
