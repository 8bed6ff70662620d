"""What experiments say, read from the log in a thread of its own: pages show the last report there is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from banditroute.config.settings import Settings
from banditroute.errors import BanditrouteError, StoreError
from banditroute.reports.ab import ABReport
from banditroute.reports.ab_live import ab_of_views
from banditroute.service.pages.behind import Behind
from banditroute.service.reports import Breath
from banditroute.store.views import Views


class Verdicts:
    """The report on every experiment that somebody asked for. A long one takes its time: no page waits, and
    it rests as it reads, so that routing does not wait either."""

    def __init__(self, views: Views, settings: Settings) -> None:
        self._views = views
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="banditroute-verdicts")
        self._ending = Event()
        self._behind: Behind[str, ABReport] = Behind(lambda name: self._thread.submit(self._made, name))

    def get(self, name: str) -> tuple[ABReport | None, str]:
        """The last report on a configured experiment and its verdict; without one, why there is none."""
        try:
            report = self._behind.get(name)
        except BanditrouteError as error:
            return None, str(error)
        return report, "Being worked out …" if report is None else report.verdict

    def close(self) -> None:
        """Ends the thread; a report that is under way is given up."""
        self._ending.set()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _made(self, name: str) -> ABReport:
        rest = Breath()

        def breathe() -> None:
            if self._ending.is_set():
                raise StoreError("The service is ending, and reads no further.")
            rest()

        return ab_of_views(self._views, self._settings, name, breathe=breathe)
