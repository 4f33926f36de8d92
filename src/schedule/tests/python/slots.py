"""Slots as croniter and zoneinfo see them.

Reads lines of: expression, zone, instant, count (separated by tabs). Answers each with the first
`count` slots after the instant, as seconds since the epoch. An expression is one of cron, or
`every 14d at 10:00 from 2026-11-27`.

croniter looks for times on the wall, without a zone; zoneinfo says when the clock of a place first
shows such a time or a later one. croniter's own idea of changed clocks is not used: it depends on
the shape of the expression. Nor is its union of the two day fields, which gives up when one of them
never comes, nor a list with a day that some months do not have, after which it skips the next month's
first days: these are asked one by one and merged.
"""

import heapq
import itertools
import re
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

EPOCH = datetime(1970, 1, 1)
SECOND = timedelta(seconds=1)


def shown(at, zone):
    """What the clock shows at an instant."""
    return (EPOCH + timedelta(seconds=at)).replace(tzinfo=timezone.utc).astimezone(zone).replace(tzinfo=None)


def seconds(wall):
    return (wall - EPOCH) // SECOND


def first(wall, zone):
    """The first instant at which the clock shows `wall` or later."""
    before = wall.replace(tzinfo=zone, fold=0).utcoffset() // SECOND
    after = wall.replace(tzinfo=zone, fold=1).utcoffset() // SECOND
    at = seconds(wall) - before
    if shown(at, zone) == wall:
        return at
    # It is left out: the change lies between what the two offsets make of it.
    low, high = seconds(wall) - after, at
    while low + 1 < high:
        middle = (low + high) // 2
        if shown(middle, zone) > wall:
            high = middle
        else:
            low = middle
    return high


def parts(expression):
    """Expressions that together mean the same, each with one day field at most."""
    fields = expression.split()
    day, weekday = len(fields) - 3, len(fields) - 1

    def having(days, weekdays):
        return " ".join(fields[:day] + [days] + fields[day + 1 : weekday] + [weekdays])

    found = []
    if fields[day] != "*":
        numbers = croniter.expand(having(fields[day], "*"), second_at_beginning=True)[0][2]
        short = [str(it) for it in numbers if isinstance(it, int) and it <= 28]
        long = [str(it) for it in numbers if not isinstance(it, int) or 28 < it]
        found += [having(it, "*") for it in ([",".join(short)] if short else []) + long]
    if fields[weekday] != "*" or not found:
        found.append(having("*", fields[weekday]))
    return [it.replace("l", "L") for it in found]


def walls(expression, start):
    """The times on the wall after `start` that an expression means."""
    times = croniter(expression, start, second_at_beginning=True)
    while True:
        try:
            yield times.get_next(datetime)
        except CroniterBadDateError:
            return


DAYS = re.compile(r"every (\d+)d at (\d\d:\d\d) from (\S+)")


def spaced(days, time, begin, start):
    """Every so many days, from two of them before `start` on."""
    wall = datetime.fromisoformat(f"{begin}T{time}")
    skipped = max(0, (start - wall).days // days - 2)
    for number in itertools.count(skipped):
        yield wall + timedelta(days=days * number)


def times(expression, start):
    if found := DAYS.fullmatch(expression):
        days, time, begin = found.groups()
        return spaced(int(days), time, begin, start)
    return heapq.merge(*(walls(it, start) for it in parts(expression)))


def slots(expression, zone, at, count):
    start = shown(at, zone)
    found = []
    for wall in times(expression, start):
        slot = first(wall, zone)
        if slot > (found[-1] if found else at):
            found.append(slot)
        if len(found) == count:
            break
    return found


def main():
    zones = {}
    out = []
    for line in sys.stdin:
        expression, name, at, count = line.rstrip("\n").split("\t")
        zone = zones.setdefault(name, ZoneInfo(name))
        out.append(" ".join(map(str, slots(expression, zone, int(at), int(count)))))
    print("\n".join(out))


main()
