"""What may be asked again is, a few times and with pauses; everything else is not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quiverdb.remote.protocol import ResponseError, TransportError
from quiverdb.remote.retry import NEVER, PATIENT, USUAL, LostError, NotSentError, Retry, retry_after


def busy(seconds: str | None) -> ResponseError:
    return ResponseError(429, "Too Many Requests", b"", {} if seconds is None else {"retry-after": seconds})


@pytest.mark.parametrize(
    ("error", "repeatable", "expected"),
    [
        (NotSentError("x"), True, True),
        (NotSentError("x"), False, True),
        (LostError("x"), True, True),
        (LostError("x"), False, False),
        (TransportError("x"), True, False),
        (ResponseError(500, "", b"", {}), True, False),
        (busy("1"), True, False),
    ],
)
def test_what_is_asked_again(error: Exception, repeatable: bool, expected: bool) -> None:
    assert (USUAL.wait(error, 0, repeatable=repeatable) is not None) is expected
    assert USUAL.wait(error, USUAL.repetitions, repeatable=repeatable) is None
    assert NEVER.wait(error, 0, repeatable=repeatable) is None


def test_patience_waits_as_long_as_the_server_says() -> None:
    waits = [PATIENT.wait(busy("3"), repetition, repeatable=False) for repetition in (0, 1, 50)]
    assert all(wait is not None and 3 <= wait <= 3 + PATIENT.first for wait in waits)


@pytest.mark.parametrize("seconds", [None, "soon", "-1", "nan", "inf", "61"])
def test_patience_has_an_end(seconds: str | None) -> None:
    assert PATIENT.wait(busy(seconds), 0, repeatable=True) is None


@pytest.mark.parametrize(
    ("status", "headers", "repeatable", "waits"),
    [
        (503, {}, True, (0, 0.1)),
        (503, {"retry-after": "2"}, True, (2, 2.1)),
        (503, {"retry-after": "soon"}, True, (0, 0.1)),
        (503, {"retry-after": "61"}, True, None),
        (503, {}, False, None),
        (502, {}, True, None),
        (429, {"retry-after": "2"}, False, None),
    ],
)
def test_a_server_may_be_busy(
    status: int, headers: dict[str, str], repeatable: bool, waits: tuple[float, float] | None
) -> None:
    retry, error = Retry(busy=(503,)), ResponseError(status, "", b"", headers)
    wait = retry.wait(error, 0, repeatable=repeatable)
    assert wait is None if waits is None else wait is not None and waits[0] <= wait <= waits[1]
    assert retry.wait(error, retry.repetitions, repeatable=repeatable) is None
    assert USUAL.wait(error, 0, repeatable=repeatable) is None


@given(repetition=st.integers(0, 9))
def test_pauses_grow_and_differ(repetition: int) -> None:
    retry = Retry(repetitions=10, first=1.0)
    pauses = [retry.wait(NotSentError("x"), repetition, repeatable=True) or math.nan for _ in range(20)]
    assert all(2**repetition / 2 <= pause <= 2**repetition for pause in pauses)
    assert len(set(pauses)) > 1


@pytest.mark.parametrize(("told", "seconds"), [("0", 0), ("2", 2), ("0.5", 0.5), ("", None), ("-3", None)])
def test_retry_after(told: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": told}) == seconds
