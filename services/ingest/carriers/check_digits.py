"""Check digits of tracking numbers: what the last character of a number must be, given the characters before it.

Each rule is a function from the payload to its check character. The patterns in `detection_formats.py` see to it that
a payload holds only characters its rule can read. Pure.

No rule sees every mistake. Two characters that a rule gives the same worth can be exchanged unnoticed: what each rule
overlooks stands with it, and the tests hold it to exactly that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class CheckDigit:
    """A rule, and how much it says: a number made up at random passes once in `residues` times."""

    name: str
    residues: int
    of: Callable[[str], str]

    def passes(self, checked: str) -> bool:
        """Tell whether the last character is the one that the others ask for."""
        return self.of(checked[:-1]) == checked[-1]


def _weighted(digits: str, weights: Sequence[int]) -> int:
    """Return the sum of digits times weights, from the left; the weights begin again when they end."""
    return sum(int(digit) * weight for digit, weight in zip(digits, cycle(weights), strict=False))


def _to_next_ten(total: int) -> str:
    return str(-total % 10)


def _gs1(payload: str) -> str:
    return _to_next_ten(_weighted(payload[::-1], (3, 1)))


def _gls(payload: str) -> str:
    return _to_next_ten(_weighted(payload[::-1], (3, 1)) + 1)


def _identcode(payload: str) -> str:
    return _to_next_ten(_weighted(payload, (4, 9)))


def _letter_worth(char: str) -> int:
    """Return a digit as it is, and letters as 2, 3, ... 9, 0, 1, 2, ..."""
    return int(char) if char.isdigit() else (ord(char) - 3) % 10


def _ups(payload: str) -> str:
    return _to_next_ten(_weighted("".join(str(_letter_worth(char)) for char in payload), (1, 2)))


def _luhn(payload: str) -> str:
    doubled = [sum(divmod(int(digit) * 2, 10)) for digit in payload[::-1][::2]]
    return _to_next_ten(sum(doubled) + sum(int(digit) for digit in payload[::-1][1::2]))


def _mod7(payload: str) -> str:
    return str(int(payload) % 7)


def _fedex(payload: str) -> str:
    return str(_weighted(payload[::-1], (1, 3, 7)) % 11 % 10)


def _s10(payload: str) -> str:
    check = 11 - _weighted(payload, (8, 6, 4, 2, 3, 5, 9, 7)) % 11
    return {10: "0", 11: "5"}.get(check, str(check))


def _mod37_36(payload: str) -> str:
    check = 36
    for char in payload:
        check = (check + _ALPHABET.index(char)) % 36 or 36
        check = check * 2 % 37
    return _ALPHABET[(37 - check) % 36]


#: Weights 3 and 1 from the right, to the next ten: GS1's rule, used by USPS, FedEx Ground, Canada Post and on every
#: SSCC. Overlooks no single digit.
GS1: Final = CheckDigit("mod 10 (3, 1)", 10, _gs1)
#: GS1's rule with one added to the sum, so that no number is both GLS's and an ITF-12. Overlooks no single digit.
GLS: Final = CheckDigit("mod 10 (3, 1) + 1", 10, _gls)
#: Weights 4 and 9 from the left. Overlooks a digit that is 5 off in an odd place (counted from 1).
IDENTCODE: Final = CheckDigit("mod 10 (4, 9)", 10, _identcode)
#: Weights 1 and 2 from the left, letters worth 2 to 1. Overlooks letters of the same worth, and what is 5 off in an
#: even place.
UPS: Final = CheckDigit("mod 10 (1, 2)", 10, _ups)
#: Weights 2 and 1 from the right, the digits of the products added. Overlooks no single digit.
LUHN: Final = CheckDigit("luhn", 10, _luhn)
#: The rest of a division by 7. Overlooks a digit that is 7 off: 0 for 7, 1 for 8, 2 for 9.
MOD7: Final = CheckDigit("mod 7", 7, _mod7)
#: Weights 1, 3, 7 from the right, modulo 11; a rest of 10 is written 0. Overlooks a change from the rest 0 to 10.
FEDEX: Final = CheckDigit("mod 11 (1, 3, 7)", 10, _fedex)
#: The rule of UPU S10, modulo 11; the two rests that give no digit are written 0 and 5. Overlooks a change between the
#: two rests that are both written 5.
S10: Final = CheckDigit("mod 11 (S10)", 10, _s10)
#: ISO 7064 MOD 37,36: digits and letters. Overlooks no single character.
MOD37_36: Final = CheckDigit("mod 37/36", 36, _mod37_36)


def behind(prefix: str, rule: CheckDigit) -> CheckDigit:
    """Return the rule for numbers printed without a prefix that their check digit still counts."""
    return CheckDigit(f"{rule.name} behind {prefix}", rule.residues, lambda payload: rule.of(prefix + payload))
