"""Cron expressions: minute, hour, day of month, month, day of week; in UTC."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

from keystead.errors import InvalidRequest

_MONTHS: Final = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_HORIZON_DAYS = 366 * 8 + 2  # a leap day is at most eight years away


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed expression. As cron has it, a day fits if it fits either of the two fields
    about days, where both are restricted."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def next_after(self, at: float) -> float:
        """The first minute after a time (both in Unix seconds) that fits.

        Raises InvalidRequest if there is none, as on the 30th of February.
        """
        start = dt.datetime.fromtimestamp(at, dt.UTC).replace(second=0, microsecond=0)
        start += dt.timedelta(minutes=1)
        day = start.date()
        for _ in range(_HORIZON_DAYS):
            if self._fits(day):
                first = start.time() if day == start.date() else dt.time()
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        if dt.time(hour, minute) >= first:
                            found = dt.datetime.combine(day, dt.time(hour, minute), dt.UTC)
                            return found.timestamp()
            day += dt.timedelta(days=1)
        raise _bad("no day fits")

    def _fits(self, day: dt.date) -> bool:
        if day.month not in self.months:
            return False
        in_month = day.day in self.days
        in_week = day.isoweekday() % 7 in self.weekdays
        return (in_month or in_week) if self.either else (in_month and in_week)


def parse(text: str) -> Schedule:
    """A schedule; raises InvalidRequest."""
    fields = _MACROS.get(text.strip(), text).lower().split()
    if len(fields) != 5:
        raise _bad("it has five fields")
    minutes, hours, days, months, weekdays = fields
    return Schedule(
        minutes=_field(minutes, 0, 59),
        hours=_field(hours, 0, 23),
        days=_field(days, 1, 31),
        months=_field(months, 1, 12, _MONTHS, 1),
        weekdays=frozenset(day % 7 for day in _field(weekdays, 0, 7, _DAYS)),
        either=days[0] not in "*?" and weekdays[0] not in "*?",
    )


def _field(
    text: str, least: int, most: int, names: list[str] | None = None, first: int = 0
) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        low, dash, high = span.partition("-")
        if span in ("*", "?"):
            start, end = least, most
        else:
            start = _number(low, names, first)
            end = _number(high, names, first) if dash else most if slash else start
        every = _number(step, None, 0) if slash else 1
        if not least <= start <= end <= most or every < 1:
            raise _bad(f"{part[:20]!r} is out of range")
        found.update(range(start, end + 1, every))
    return frozenset(found)


def _number(text: str, names: list[str] | None, first: int) -> int:
    if names and text in names:
        return names.index(text) + first
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise _bad(f"{text[:20]!r} is no number")
    return int(text)


def _bad(why: str) -> InvalidRequest:
    return InvalidRequest(f"could not parse rotation_schedule: {why}", field="rotation_schedule")
