"""Bodies that no client should send. Each must be answered with a documented status, without quoting the body."""

import json
import zlib

from testbed.served_folders import ROW

# In every body that can hold a string; no answer may contain it.
MARK = "zQ9mark"

_MEMBERS = {name: json.dumps(value, ensure_ascii=False) for name, value in ROW.items()}


def with_value(name: str, text: str | bytes) -> bytes:
    """A valid row except for the text of one value."""
    pieces = [
        json.dumps(key, ensure_ascii=False).encode()
        + b":"
        + ((text if isinstance(text, bytes) else text.encode()) if key == name else value.encode())
        for key, value in _MEMBERS.items()
    ]
    return b"{" + b",".join(pieces) + b"}"


def with_member(text: str | bytes) -> bytes:
    """A valid row with one member too many."""
    extra = text if isinstance(text, bytes) else text.encode()
    return with_value("", "")[:-1] + b"," + extra + b"}"


NUMBER, STRING, FLAG = "age in years", "plan/~ü", "is_new"
GOOD = with_value("", "")

REFUSED: dict[str, bytes] = {
    "NaN": with_value(NUMBER, "NaN"),
    "Infinity": with_value(NUMBER, "Infinity"),
    "-Infinity": with_value(NUMBER, "-Infinity"),
    "nan in lower case": with_value(NUMBER, "nan"),
    "1e999": with_value(NUMBER, "1e999"),
    "-1e999": with_value(NUMBER, "-1e999"),
    "1e308 is no float32": with_value(NUMBER, "1e308"),
    "just above float32": with_value(NUMBER, "3.4028236e38"),
    "400 digits": with_value(NUMBER, "1" * 400),
    "4,000 digits": with_value(NUMBER, "9" * 4000),
    "5,000 digits": with_value(NUMBER, "9" * 5000),
    "5,000 digits after the point": with_value(NUMBER, "0." + "9" * 5000 + "e99999"),
    "a huge exponent": with_value(NUMBER, "1e" + "9" * 1000),
    "hexadecimal": with_value(NUMBER, "0x10"),
    "octal": with_value(NUMBER, "017"),
    "a plus sign": with_value(NUMBER, "+1"),
    "no digit before the point": with_value(NUMBER, ".5"),
    "no digit after the point": with_value(NUMBER, "1."),
    "two points": with_value(NUMBER, "1.2.3"),
    "a lone minus": with_value(NUMBER, "-"),
    "an underscore": with_value(NUMBER, "1_000"),
    "a comma in a number": with_value(NUMBER, "1,5"),
    "a number in a string": with_value(NUMBER, f'"41 {MARK}"'),
    "true for a number": with_value(NUMBER, "true"),
    "null where none may be missing": with_value(NUMBER, "null"),
    "a list for a number": with_value(NUMBER, "[41]"),
    "an object for a number": with_value(NUMBER, f'{{"{MARK}":41}}'),
    "an empty string for a number": with_value(NUMBER, '""'),
    "a number for a category": with_value(STRING, "1"),
    "true for a category": with_value(STRING, "true"),
    "null for a category that is never missing": with_value(STRING, "null"),
    "a list of strings for a category": with_value(STRING, f'["{MARK}"]'),
    "a string that is too long": with_value(STRING, f'"{MARK * 300}"'),
    "a string of 1 MB": with_value(STRING, '"' + "a" * 1_000_000 + '"'),
    "a lone high surrogate": with_value(STRING, f'"\\ud800{MARK}"'),
    "a lone low surrogate": with_value(STRING, f'"\\udc00{MARK}"'),
    "surrogates the wrong way round": with_value(STRING, '"\\udc00\\ud800"'),
    "surrogates in UTF-8": with_value(STRING, b'"\xed\xa0\x80"'),
    "an overlong encoding": with_value(STRING, b'"\xc0\xaf"'),
    "a code point beyond Unicode": with_value(STRING, b'"\xf4\x90\x80\x80"'),
    "Latin-1": with_value(STRING, b'"\xfc"'),
    "a raw NUL": with_value(STRING, b'"a\x00b"'),
    "a raw newline in a string": with_value(STRING, b'"a\nb"'),
    "a raw tab in a string": with_value(STRING, b'"a\tb"'),
    "an unknown escape": with_value(STRING, f'"\\x41{MARK}"'),
    "half an escape": with_value(STRING, '"\\u12"'),
    "a string without an end": with_value(STRING, '"plus')[:-1],
    "single quotes": with_value(STRING, "'plus'"),
    "a number for a flag": with_value(FLAG, "1"),
    "a string for a flag": with_value(FLAG, '"true"'),
    "True": with_value(FLAG, "True"),
    "null for a flag that is never missing": with_value(FLAG, "null"),
    "one more member": with_member(f'"{MARK}":1'),
    "10,000 more members": with_member(",".join(f'"{MARK}{number}":1' for number in range(1000))),
    "a member named __proto__": with_member('"__proto__":{"polluted":1}'),
    "a member named __class__": with_member('"__class__":"os.system"'),
    "an empty name": with_member('"":1'),
    "a lone surrogate in a name": with_member('"\\ud800":1'),
    "a key twice": with_member('"class":2'),
    "a key twice, first of another type": b'{"class":"' + MARK.encode() + b'",' + GOOD[1:],
    "a key twice, first as NaN": b'{"class":NaN,' + GOOD[1:],
    "a key twice, once with an escape": with_member('"\\u0063lass":2'),
    "a key twice, with white space": with_member('  "class"  :  2 '),
    "a key twice, the same value": with_member(f'"{STRING}":"plus"'),
    "a missing member": b'{"class":1}',
    "an empty object": b"{}",
    "an empty body": b"",
    "white space alone": b" \n\t ",
    "null": b"null",
    "a number": b"41",
    "a string": f'"{MARK}"'.encode(),
    "a list at the root": b"[" + GOOD + b"]",
    "the rows of a batch": b'{"rows":[' + GOOD + b"]}",
    "two documents": GOOD + GOOD,
    "two documents on two lines": GOOD + b"\n" + GOOD,
    "something after the end": GOOD + MARK.encode(),
    "a NUL after the end": GOOD + b"\x00",
    "a trailing comma": GOOD[:-1] + b",}",
    "a comment": GOOD[:-1] + b"/* " + MARK.encode() + b" */}",
    "no end": GOOD[:-1],
    "no beginning": GOOD[1:],
    "a name without quotes": b"{" + MARK.encode() + b":1}",
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-16 without a mark": GOOD.decode().encode("utf-16-le"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "100,000 lists": b"[" * 100_000,
    "100,000 lists, closed": b"[" * 100_000 + b"]" * 100_000,
    "5,000 lists in a value": with_value(NUMBER, "[" * 5000 + "]" * 5000),
    "100,000 objects": b'{"a":' * 100_000,
    "10 MB of white space": GOOD[:-1] + b" " * 10_000_000 + b"}",
    "form data": f"class=1&town={MARK}".encode(),
    "XML": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{MARK}">]><a>&b;</a>'.encode(),
    "a gzip bomb": zlib.compress(b"0" * 10_000_000),
    "a pickle": b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "all bytes": bytes(range(256)),
    "a megabyte of zeros": b"\x00" * 1_000_000,
}

ACCEPTED: dict[str, bytes] = {
    "what the schema asks for": GOOD,
    "an integer for a number": with_value(NUMBER, "41"),
    "minus zero": with_value(NUMBER, "-0.0"),
    "the smallest number there is": with_value(NUMBER, "5e-324"),
    "the largest float32": with_value(NUMBER, "3.4028234663852886e38"),
    "an integer beyond 64 bits": with_value(NUMBER, "123456789012345678901234567890"),
    "100 digits after the point": with_value(NUMBER, "0." + "3" * 100),
    "an unknown category": with_value(STRING, f'"{MARK}"'),
    "an empty category": with_value(STRING, '""'),
    "an escaped NUL": with_value(STRING, '"a\\u0000b"'),
    "an escaped newline": with_value(STRING, '"a\\nb"'),
    "quotation marks in a value": with_value(STRING, '"\\"\\":\\""'),
    "a surrogate pair": with_value(STRING, '"\\ud83d\\ude00"'),
    "an emoji": with_value(STRING, '"😀"'),
    "text from right to left": with_value(STRING, '"\u202eabc"'),
    "a line separator": with_value(STRING, '"a\u2028b"'),
    "SQL": with_value(STRING, '"\'; DROP TABLE predictions; --"'),
    "HTML": with_value(STRING, '"<script>alert(1)</script>"'),
    "a template": with_value(STRING, '"{{7*7}}${jndi:ldap://x}%s%n"'),
    "names with escapes": GOOD.replace(b'"class"', b'"\\u0063lass"'),
    "white space everywhere": GOOD.replace(b",", b" ,\n\t ").replace(b":", b" :\r\n "),
    "256 characters of four bytes": with_value(STRING, '"' + "😀" * 256 + '"'),
}


_NOT_IN_A_LIST = ("an empty body", "a list at the root", "the rows of a batch", "10 MB of white space")

# For /predict/batch: faults of batches, then each body above as one row.
BATCHES: dict[str, bytes] = {
    "no rows": b'{"rows":[]}',
    "too many rows": b'{"rows":[' + b",".join([GOOD] * 51) + b"]}",
    "rows twice": b'{"rows":[' + GOOD + b'],"rows":[' + GOOD + b"]}",
    "a row with a key twice": b'{"rows":[' + GOOD + b"," + with_member('"class":2') + b"]}",
    "a row that is null": b'{"rows":[null]}',
    "rows as an object": b'{"rows":{"0":' + GOOD + b"}}",
    "a bare list": b"[" + GOOD + b"]",
    "one row alone": GOOD,
    "one more member": b'{"rows":[' + GOOD + b'],"' + MARK.encode() + b'":1}',
    "one bad row of many": b'{"rows":[' + GOOD + b"," + with_value(NUMBER, f'"{MARK}"') + b"]}",
    **{f"a row: {name}": b'{"rows":[' + body + b"]}" for name, body in REFUSED.items() if name not in _NOT_IN_A_LIST},
}
