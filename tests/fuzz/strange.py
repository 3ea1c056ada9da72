"""Values that broke somebody's parser once: texts, numbers, times and shapes to put where a provider's are.

Nothing here is of a real parcel or person.
"""

from typing import Final

BIDI: Final = "\u202e12345\u202c"

TEXTS: Final = (
    "", " ", "\x00", "a\x00b", "\ufeff", "\ud800", "\U0010ffff", "\u200b", BIDI, "\u0661\u0662\u0663", "\u00df",
    "x" * 300, "x" * 5_000, "\u00e9" * 1_200, "a\r\nb: c", "<script>alert(1)</script>", "'; DROP TABLE parcels; --",
    "{{7*7}}", "../../etc/passwd", "%2e%2e%2f", "null", "None", "true", "NaN", "-0", "1e999", "0x10", "000000000",
    "0000000000001", "N/A", "__proto__", "constructor", "\\u0000", "\\", '"', "]]>", "&xxe;", "\t\n\v\f", ".", "/", "~",
    "EZ1000000001", "unknown", "delivered", "RETURN", "\u0130", "\ufb03", "\u2028", "=1+1", "\U0001f4e6",
)  # fmt: skip
NUMBERS: Final = (
    0, -1, 1, 2**31, 2**53 + 1, 2**64, -(2**63), 10**400, 0.1, -0.0, 1e308, 5e-324, 1e22, 91.0, -181.5,
)  # fmt: skip
TIMES: Final = (
    "2026-02-30T10:00:00Z", "0001-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z",
    "2026-12-31T23:59:60Z", "2026-11-21T24:00:00Z", "2026-11-21T25:61:61Z", "2026-03-29T01:30:00",
    "2026-10-25T01:30:00",
    "2026-11-21", "2026-11-21T10:00", "20261121", "20261121T100000Z", "1795255205", "1795255205000", "-1", "1e12",
    "2026-11-21T10:00:00+99:99", "2026-11-21T10:00:00-00:00", "2026-11-21T10:00:00+24:00",
    "2026-11-21T10:00:00.9999999999",
    "Sat, 21 Nov 2026 10:00:00 GMT", "11/21/2026", "21.11.2026 10:00", "yesterday", "\u0662026-11-21T10:00:00Z",
    "1990-01-01T00:00:00+14:00", "2199-12-31T23:59:59-12:00", "2026-W47-6", "2026-325", "000000", "240000", "9" * 400,
)  # fmt: skip
SHAPES: Final[tuple[object, ...]] = (
    None, True, False, [], {}, [[]], [{}], {"": ""}, [None], {"a": {"a": {"a": 1}}}, ["x"] * 50,
    {"__proto__": {"x": 1}},
)  # fmt: skip
#: What JSON itself does not allow, or not so; put into the text.
NOT_QUITE_JSON: Final = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5_000, b'"\\ud800"', b'"\\ud83d"', b"\xff",
    b"\xc0\x80",
    b"[" * 300, b'{"a":' * 300, b"/* */", b",", b"'x'", b"01", b"+1", b".5", b"\x00", b'{"a":1,"a":2}', b"tru",
)  # fmt: skip
#: Of XML: each is refused, or read without following it.
NOT_QUITE_XML: Final = (
    b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>', b"&x;", b"&lt;", b"<![CDATA[", b"]]>", b"<?php ?>",
    b"<a " + b"b='c' " * 300 + b"/>", b"<a>" * 300, b"\x00", b"\xff", b"&#0;", b"&#x110000;", b"<!--", b"<",
)  # fmt: skip
ROOTS: Final = (
    b"",
    b"null",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"[[]]",
    b"[{}]",
    b'"text"',
    b"[null]",
    b"true",
    b"<a/>",
    b"<",
    b"\xef\xbb\xbf{}",
)
