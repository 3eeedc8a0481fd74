"""How fast: finds the rate that a service lets through, and keeps just below refusals."""

import math
from collections import deque
from random import Random

_SLACK = 0.01  # seconds of calls that may be made up for when a timer fires late
_LATE, _MOST_SLACK = 4.0, 0.1  # times as late as timers usually fire; seconds
_TRIM, _COARSE = 0.01, 0.05  # shares of the rate that one refusal costs, if fast and if slow
_FASTEST = 0.7  # growth per second at most: doubles each second
_NOISIEST = 0.25  # share refused that only a limit explains
_STORM = 0.1  # share refused from which the rate is measured anew rather than trimmed
_STEPS = 50  # counts per second
_MARGIN = 0.97  # of the rate of the last second that is used at first
_OFTEN, _TOO_OFTEN = 0.012, 0.02  # share refused that riding a limit takes, and that it doesn't
_TRIAL, _CALM = 150, 10.0  # calls; seconds after a limit was hit in which there is none
_TOLERATED, _CLEAN = 5, 20  # single refusals while seeking, and calls without one to go on
_BELIEVED = 3.0  # seconds for which a rate just measured is not taken for noise
_FORGET = 1.0 - 1e-5  # per call
_PAUSE, _LONGEST_PAUSE = 0.1, 10.0


class Spacing:
    """A fixed limit per minute, evenly spaced: in no minute is more taken than allowed."""

    def __init__(self, per_minute: float) -> None:
        """`per_minute`: requests or tokens."""
        # The slack could add to a minute, so it is taken off beforehand.
        self._seconds = (60.0 + _SLACK) / per_minute
        self.due = 0.0
        """When the next one may be taken."""

    def take(self, now: float, units: float = 1.0) -> None:
        """Takes so many now."""
        self.due = max(self.due, now - _SLACK) + units * self._seconds

    def settle(self, units: float) -> None:
        """So many more (or fewer) were taken than thought."""
        self.due += units * self._seconds


class _Counts:
    """Calls and refusals by the time at which the call was sent, over the last second."""

    def __init__(self) -> None:
        size = 2 * _STEPS
        self._steps, self._sent, self._refused = [-1] * size, [0] * size, [0] * size
        self._first: int | None = None

    def sent(self, now: float) -> None:
        step = int(now * _STEPS)
        place = step % len(self._steps)
        if self._steps[place] != step:
            self._steps[place], self._sent[place], self._refused[place] = step, 0, 0
            if self._first is None:
                self._first = step
        self._sent[place] += 1

    def refused(self, sent: float) -> None:
        step = int(sent * _STEPS)
        place = step % len(self._steps)
        if self._steps[place] == step:
            self._refused[place] += 1

    def before(self, sent: float, since: float = 0.0) -> tuple[int, int, float]:
        """Calls accepted and refused before a call of that time and after `since`, in the
        returned number of seconds, one at most."""
        last = int(sent * _STEPS)
        first = max(last - _STEPS, self._first or 0, int(since * _STEPS) + 1)
        accepted = refused = 0
        for step in range(first, last):
            place = step % len(self._steps)
            if self._steps[place] == step:
                refused += self._refused[place]
                accepted += self._sent[place] - self._refused[place]
        return accepted, refused, (last - first) / _STEPS


class _Noise:
    """Refusals that come however slowly we go, as from a service that shares what it has.

    When refusals have brought the rate down by a fifth without ever being many at once, a trial at
    two thirds of it tells: if they go on, they are noise, and as many are overlooked from then on.
    """

    def __init__(self) -> None:
        self.back_to = 0.0
        """During a trial, the rate from which refusals brought us down; else 0."""
        self._begin = self._end = 0.0
        self._calls = self._count = 0
        self._share = self._credit = 0.0

    def try_slower(self, rate: float, now: float) -> None:
        """A trial. It counts from when the service has seen the change."""
        self.back_to, self._begin, self._end = rate, now + 1.0, now + 6.0
        self._calls = self._count = 0

    def sent(self, now: float) -> bool:
        """A call goes out; whether this ends a trial."""
        self._share *= _FORGET
        self._credit = min(10.0, self._credit + 1.5 * self._share)
        self._calls += now > self._begin
        enough = self._calls >= _TRIAL or self._count >= 8 or now > self._end
        return self.back_to > 0 and enough

    def verdict(self) -> float | None:
        """Ends a trial; the rate to go back to if refusals are noise."""
        rate, self.back_to = self.back_to, 0.0
        if self._count < 3 or self._count > 0.1 * self._calls:
            return None
        self._share = self._count / self._calls
        return rate

    def revoke(self) -> None:
        """It's a limit after all."""
        self._share = self._credit = self.back_to = 0.0

    def explains(self, sent: float) -> bool:
        """Whether the refusal of a call sent at that time is to be overlooked."""
        if self.back_to:
            self._count += sent > self._begin
            return True
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True


class Pace:
    """The rate of one service. `rate` is in calls per second; None until calls were too fast.

    Calls go out evenly at `rate`, which creeps up while it holds calls back; a refusal trims it
    by 1 %. So it rides the limit, at one refusal per second or per hundred calls. The longer none
    comes, compared with how long it usually takes, the faster it creeps: the limit went up. When
    many are refused, the limit went down: the rate becomes what was let through in the last
    second. When nearly all are, nothing is sent for a while, then one call scouts ahead.

    As the adaptive mode of AWS's SDKs does, a token bucket limits the client's own rate, which
    grows slowly near where it last was refused and quickly once that is long ago (that of CUBIC,
    RFC 9438). Unlike both, a refusal costs 1 %, not 30 %: a service that refuses loses nothing by
    it, a network that drops packets does.
    """

    def __init__(self, dice: Random) -> None:
        """`dice` spreads the ends of pauses."""
        self.rate: float | None = None
        self.at_most = 100.0
        """Calls per second while there is no rate, so that they don't come all at once."""
        self._dice = dice
        self._seeking = False
        self._late = 0.0  # seconds, of calls that waited for this
        self._tolerated, self._seek_from = 0, 0  # single refusals; the call that ends a hold
        self._next = self._until = 0.0
        self._counts = _Counts()
        self._numbers = 0  # of the latest call
        self._mark = 0  # refusals of calls before this one have had their effect
        self._trimmed_at = -1.0
        self._trimmed = False  # the last thing that refusals did
        self._accepted = 0
        self._let_through = 0.0  # per second, before the latest refusal
        self._unsure = False  # the rate of the latest pauses was measured with few calls
        self._latest = self._busy = 0.0
        self._quiet, self._usual = 0.0, 1.0  # seconds held back since, and between, refusals
        self._answer_time = 0.02  # seconds until a refusal is known
        self._lately: deque[int] = deque(maxlen=6)  # refused calls
        self._dry_since = self._refused_at = -1.0
        self._noise = _Noise()
        self._hard_hit = self._measured_at = -1.0
        self._often = 0.0  # share of about 200 calls that was refused
        self._peak = 0.0  # what the rate was before refusals brought it down little by little
        self._pauses, self._paused = 0, 0.0
        self._scout: int | None = None
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=4)

    @property
    def due(self) -> float:
        """When the next call may go."""
        return max(self._next, self._until)

    def sent(self, now: float, number: int, *, held_back: bool) -> None:
        """A call goes out; `number` counts calls, `held_back`: it waited for this pace alone."""
        gap = max(0.0, min(now - self._latest, 0.5))
        self._busy += gap
        self._latest, self._numbers = now, number
        self._counts.sent(now)
        self._accepted += 1
        self._often *= 0.995
        if self.rate is None:
            self._next = max(self._next, now - _SLACK) + 1.0 / self.at_most
            return
        if held_back:
            self._late += 0.05 * (max(0.0, now - self.due) - self._late)
        if self._noise.sent(now):
            self.rate = self._peak = self._noise.verdict() or 1.5 * self.rate
        elif held_back and not self._noise.back_to:
            self._creep(gap)
        slack = min(_MOST_SLACK, max(_SLACK, _LATE * self._late))
        self._next = max(self._next, now - slack) + 1.0 / self.rate
        if self._pauses and self._scout is None:
            self._scout = number
            self._next = max(self._next, now + 2 * self._answer_time)

    def answered(self, number: int) -> None:
        """That call was let through."""
        if self._pauses and self._scout is not None and number >= self._scout:
            self._pauses, self._scout = 0, None

    def refused(self, number: int, sent: float, now: float, wait: float | None) -> None:
        """That call was too fast; `wait`: seconds that the service asks for."""
        self._accepted -= 1
        self._often += 0.005
        self._counts.refused(sent)
        self._answer_time += 0.2 * (now - sent - self._answer_time)
        self._lately.append(number)
        if sent - self._refused_at > 0.5:
            self._dry_since = sent
        self._refused_at = sent
        if self._noise.explains(sent) and not self._nearly_all_refused(number):
            return
        if number < self._mark:
            if self._trimmed:  # sent at the same rate: the more there are, the more it's too much
                assert self.rate is not None
                self.rate -= min(0.5, self._trim * self.rate)
            return
        accepted, others, seconds = self._counts.before(sent)
        self._let_through = accepted / max(seconds, 0.1)
        if self.rate is None:
            if not others:
                return  # a limit would refuse more than one
            self.rate = max(5.0, 0.5 * self._let_through)
            self._heed()
            self._seeking = self._numbers < 100
            self._hit_hard(sent)
        elif self._nearly_all_refused(number):
            self._pause(now, wait)
        else:
            self._slow_down(sent)

    def forget(self) -> None:
        """The rate is not what matters."""
        self.rate = None
        self._trimmed = False

    def _creep(self, seconds: float) -> None:
        assert self.rate is not None
        if self._numbers < self._seek_from:
            return
        if self._seeking or self.rate < 0.98 * self._let_through:
            self.rate *= 1.0 + min(_FASTEST * seconds, 0.05)
            return
        self._quiet += seconds
        usual = max(self._usual, 1.0, min(100.0 / self.rate, 30.0))
        growth = self._trim / usual
        late = self._quiet / usual - 1.5
        if late > 0:
            growth = min(_FASTEST, growth * 10.0 ** min(late, 4.0))
        self.rate *= 1.0 + growth * seconds
        if late <= 0:  # else it's a try, which may overshoot
            self._peak = max(self._peak, self.rate)

    @property
    def _trim(self) -> float:
        assert self.rate is not None
        return min(_COARSE, max(_TRIM, 0.5 / self.rate))

    def _heed(self) -> None:
        if self._quiet > 0.25 * self._usual:
            self._usual += 0.3 * (0.9 * self._quiet - self._usual)
        self._quiet = 0.0
        self._trimmed = False
        self._seeking = False
        self._mark = self._numbers + 1

    def _slow_down(self, sent: float) -> None:
        assert self.rate is not None
        # Nothing was left at the first refusal, so what is let through from there is the limit.
        accepted, refused, seconds = self._counts.before(sent, self._dry_since)
        calls = accepted + refused
        if calls >= 12 and seconds >= 0.1 and refused >= max(4, _STORM * calls):
            self.rate = min(self.rate, max(_MARGIN * accepted / seconds, self.rate / 2))
            sought = self._seeking
            self._heed()
            if sent - self._measured_at > _BELIEVED:  # if it's a limit, refusals end now
                self._measured_at, self._often = sent, 0.01
            if sought or refused >= max(8, _NOISIEST * calls):
                self._hit_hard(sent)
            self._seeking = accepted < 10
        elif self._seeking and self._tolerated < _TOLERATED:  # a limit would refuse more
            self._tolerated += 1
            self._seek_from = self._numbers + _CLEAN
        elif sent - self._trimmed_at > 0.25:
            if self._late < _SLACK / 2:  # then only the number at once can hold calls back
                self.rate = min(self.rate, self._sent_rate(sent))
            self.rate *= 1.0 - self._trim
            self._heed()
            self._trimmed, self._trimmed_at = True, sent
        else:
            self.rate -= min(0.5, self._trim * self.rate)
        if self._often < _OFTEN:
            self._peak = self.rate
        elif self._often > _TOO_OFTEN and 20.0 < self.rate < 0.8 * self._peak:
            self._try_slower(sent)

    def _sent_rate(self, sent: float) -> float:
        """Of late, at the most."""
        accepted, refused, seconds = self._counts.before(sent)
        return 1.02 * (accepted + refused + 1) / seconds if seconds > 0.9 else math.inf

    def _try_slower(self, sent: float) -> None:
        assert self.rate is not None
        if sent > self._hard_hit + _CALM:
            self._noise.try_slower(self._peak, sent)
            self.rate *= 2 / 3

    def _hit_hard(self, now: float) -> None:
        """It's a limit, so what the rate was before doesn't matter."""
        assert self.rate is not None
        self._peak, self._hard_hit, self._often = self.rate, now, 0.01
        self._noise.revoke()

    def _nearly_all_refused(self, number: int) -> bool:
        if self._pauses and self._scout is not None:
            return number == self._scout
        return len(self._lately) == 6 and number - self._lately[0] <= 6

    def _pause(self, now: float, wait: float | None) -> None:
        if not self._pauses:
            self._measure()
            self._hit_hard(now)
        seconds = min(_LONGEST_PAUSE, _PAUSE * 1.5**self._pauses) * self._dice.uniform(0.8, 1.2)
        seconds = max(seconds, wait or 0.0)
        self._busy += max(0.0, now - self._latest) + seconds
        self._until = self._latest = self._dry_since = now + seconds
        self._paused += seconds
        self._pauses += 1
        self._scout = None
        self._lately.clear()
        self._heed()
        self._seeking = self._unsure

    def _measure(self) -> None:
        """Nothing is left: what was let through in the last second is the limit, or, after long
        pauses (as with a quota per minute), what was let through over minutes."""
        assert self.rate is not None
        measured = max(self._let_through, self.rate / 2)
        if self._paused >= 2.0:
            past = [mark for mark in self._marks if self._busy - mark[0] > 5.0]
            rates = [(self._accepted - done) / (self._busy - busy) for busy, done in past]
            measured = max(0.99 * max(rates), 0.1)
            self._let_through = measured
            self._usual = max(self._usual, min(90.0, 0.9 * self._paused))
        self._unsure = self._paused < 2.0 and self._accepted - self._marks[-1][1] < 20
        self.rate = min(self.rate, measured)
        self._marks.append((self._busy, self._accepted))
        self._paused = 0.0
