"""The comparison itself: what it must let pass, and what it must not."""

import pytest

from tests.oracle.client import Answer
from tests.oracle.compare import Pairs, Rules, differences

HEAD = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
NOW = "{now}"


def answer(body: str, status: int = 200, **headers: str) -> Answer:
    return Answer(status, [("Content-Type", "application/json"), *headers.items()], body.encode())


def compared(left: str, right: str, **rules: object) -> list[str]:
    return differences(answer(left), answer(right), Pairs(), Rules(**rules))  # type: ignore[arg-type]


SAME = [
    ('{"id":"abcdefghij12345"}', '{"id":"zyxwvutsrq54321"}'),
    ('{"a":"/r/abcdefghij12345","b":"abcdefghij12345"}', '{"a":"/r/zyxwvutsrq54321","b":"zyxwvutsrq54321"}'),
    ('{"f":"name_AbCdE12345.txt"}', '{"f":"name_ZyXwV54321.txt"}'),
    (
        '{"s":"O9SegmNxAynC2QTBSKJAwAI9zA0Kcr","u":"?a=1&state=O9SegmNxAynC2QTBSKJAwAI9zA0Kcr&b"}',
        '{"s":"adhbDPK1AjxAWb7x9VNbqvifx2y45D","u":"?a=1&state=adhbDPK1AjxAWb7x9VNbqvifx2y45D&b"}',
    ),
    ('{"execTime":0.123}', '{"execTime":45}'),
    (
        '{"m":"json: unable to unmarshal JSON number into Go string"}',
        '{"m":"json: cannot unmarshal JSON number into Go string"}',
    ),
    ("plain", "plain"),
    ("", ""),
]
DIFFERENT = [
    ('{"a":1}', '{"a":2}', "body.a: 1 ≠ 2"),
    ('{"a":1}', '{"a":1.0}', "body.a: 1 ≠ 1.0"),
    ('{"a":0}', '{"a":-0}', "body.a: 0 ≠ -0"),
    ('{"a":1}', '{"a":"1"}', "body.a"),
    ('{"a":1}', '{"a":1,"b":2}', "body.b: (missing)"),
    ('{"a":1,"b":2}', '{"a":1}', "≠ (missing)"),
    ('{"a":1,"b":2}', '{"b":2,"a":1}', "key order"),
    ('{"a":[1,2]}', '{"a":[1]}', "2 items ≠ 1 items"),
    ('{"a":null}', '{"a":""}', "body.a"),
    ('{"a":[]}', '{"a":{}}', "body.a"),
    ('{"a":1}', '{"a": 1}', "spelling"),
    ('{"a":"<"}', '{"a":"\\u003c"}', "spelling"),
    ('{"a":"é"}', '{"a":"\\u00e9"}', "spelling"),
    ('{"id":"post10000000000"}', '{"id":"post20000000000"}', "body.id"),
    ('{"id":"post10000000000"}', '{"id":"abcdefghij12345"}', "body.id"),
    ('{"a":"abcdefghij12345","b":"abcdefghij12345"}', '{"a":"zyxwvutsrq54321","b":"zyxwvutsrq00001"}', "body.b"),
    ('{"a":"abcdefghij12345","b":"abcdefghij99999"}', '{"a":"zyxwvutsrq54321","b":"zyxwvutsrq54321"}', "body.b"),
    ('{"d":"2020-01-01 00:00:00.000Z"}', '{"d":"2020-01-01 00:00:00.001Z"}', "body.d"),
    (
        '{"s":"O9SegmNxAynC2QTBSKJAwAI9zA0Kcr","u":"?state=O9SegmNxAynC2QTBSKJAwAI9zA0Kcr"}',
        '{"s":"adhbDPK1AjxAWb7x9VNbqvifx2y45D","u":"?state=O9SegmNxAynC2QTBSKJAwAI9zA0KcX"}',
        "body.u",
    ),
    (
        '{"u":"?a=1&state=O9SegmNxAynC2QTBSKJAwAI9zA0Kcr"}',
        '{"u":"?a=2&state=adhbDPK1AjxAWb7x9VNbqvifx2y45D"}',
        "body.u",
    ),
    ('{"s":"O9SegmNxAynC2QTBSKJAwAI9zA0Kcr"}', '{"s":"fesUMosGLeAixjfPUxMDYK5hfsU9QuXwW8EeVTEGRBX"}', "body.s"),
    ('{"t":"x"}', '{"t":"y"}', "body.t"),
    ('{"m":"unable to save"}', '{"m":"cannot save"}', "body.m"),
    ("plain", "other", "bytes"),
    ("{}", "", "bytes"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_same(left: str, right: str) -> None:
    assert compared(left, right) == []


@pytest.mark.parametrize(("left", "right", "wanted"), DIFFERENT)
def test_different(left: str, right: str, wanted: str) -> None:
    found = compared(left, right)
    assert found
    assert wanted in found[0]


def test_ids_keep_their_relations_through_a_scenario() -> None:
    pairs = Pairs()
    first, second = (answer(f'{{"id":"{ident}"}}') for ident in ("abcdefghij12345", "zyxwvutsrq54321"))
    other = answer('{"id":"zyxwvutsrq99999"}')
    assert differences(first, second, pairs, Rules()) == []
    assert differences(first, second, pairs, Rules()) == []
    assert differences(first, other, pairs, Rules()) != []


def test_fresh_dates_may_differ_a_little_in_one_format() -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    texts = [f"{now + timedelta(milliseconds=ms):%Y-%m-%d %H:%M:%S}.{ms:03}Z" for ms in (1, 250)]
    assert compared(f'{{"created":"{texts[0]}"}}', f'{{"created":"{texts[1]}"}}') == []
    assert compared(f'{{"created":"{texts[0]}"}}', f'{{"created":"{texts[1].replace(" ", "T")}"}}') != []
    late = f"{now + timedelta(minutes=5):%Y-%m-%d %H:%M:%S}.000Z"
    assert compared(f'{{"created":"{texts[0]}"}}', f'{{"created":"{late}"}}') != []


def token(claims: str) -> str:
    import base64

    return f"{HEAD}.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.{'s' * 43}"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ('{"exp":1000,"id":"abcdefghij12345"}', '{"exp":1003,"id":"zyxwvutsrq54321"}', True),
        ('{"exp":1000,"id":"abcdefghij12345"}', '{"exp":9000,"id":"zyxwvutsrq54321"}', False),
        ('{"exp":1000,"type":"auth"}', '{"exp":1000,"type":"file"}', False),
        ('{"exp":1000,"type":"auth"}', '{"type":"auth","exp":1000}', False),
        ('{"exp":1000,"id":"user10000000000"}', '{"exp":1000,"id":"user20000000000"}', False),
        ('{"exp":1000}', '{"exp":1001,"more":1}', False),
    ],
)
def test_tokens_are_compared_by_their_claims(left: str, right: str, same: bool) -> None:
    assert (compared(f'{{"token":"{token(left)}"}}', f'{{"token":"{token(right)}"}}') == []) is same


def test_status_and_headers() -> None:
    one = answer("{}", Vary="Origin", Date="now")
    assert differences(one, answer("{}", Vary="Origin", Date="later"), Pairs(), Rules()) == []
    assert differences(one, answer("{}", Vary="Accept"), Pairs(), Rules()) == ["header vary: 'Origin' ≠ 'Accept'"]
    assert differences(one, answer("{}"), Pairs(), Rules()) == ["header vary: 'Origin' ≠ None"]
    assert differences(one, answer("{}", 201, Vary="Origin"), Pairs(), Rules()) == ["status: 200 ≠ 201"]


def test_latitude_of_a_case() -> None:
    assert compared('{"slug":"abcd"}', '{"slug":"wxyz"}', loose=frozenset({"slug"})) == []
    assert compared('{"slug":"abcd"}', '{"slug":"wxy1"}', loose=frozenset({"slug"})) != []
    assert compared('{"a":1,"b":2}', '{"b":2,"a":1}', unordered=True) == []
    assert compared('{"a":1,"b":2}', '{"b":2,"a":3}', unordered=True) != []
