"""`make fuzz`: guided by coverage (atheris), each provider for its share of the time; shows what broke a promise.

Not a test: a provider ends when something is found, and the input is written to `tests/fuzz/corpus/PROVIDER/` for the
tests to keep. Make it small by hand, and give it a name that says what it is.

    python -m tests.fuzz [--seconds 300] [PROVIDER ...]
"""

import argparse
import hashlib
import os
import random
import sys
from collections.abc import Callable

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["services.ingest", "schemas"]):  # what is guided by, and so measured
    from services.ingest.carriers.base import Carrier, Request
    from services.ingest.carriers.registry import CARRIERS, WEBHOOK_CARRIERS
    from tests.fuzz.judging import judge, judge_verifier
    from tests.fuzz.mutating import MOST_BYTES, mutated
    from tests.fuzz.sources import CORPUS, starts


def main() -> int:
    """Fuzz each provider in a process of its own; the exit code is 1 when one was broken."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("providers", nargs="*", choices=[*CARRIERS, []], help="all of them, unless named")
    parser.add_argument("--seconds", type=int, default=300, help="for all of them together")
    given = parser.parse_args()
    providers = given.providers or list(CARRIERS)
    share = max(1, given.seconds // len(providers))
    found = [_apart(provider, share) for provider in providers]
    return int(any(found))


def _apart(provider: str, seconds: int) -> bool:
    """Run one provider in a child, because libFuzzer ends its process; tell whether something was found."""
    child = os.fork()
    if child == 0:
        sys.stdout.write(f"--- {provider}, {seconds} s\n")
        sys.stdout.flush()
        _fuzz(CARRIERS[provider], seconds)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def _fuzz(carrier: Carrier, seconds: int) -> None:
    """Never returns: libFuzzer ends the process, with a code that is not 0 where it found something."""
    begun = starts(carrier.provider)
    headers = tuple({pair for start in begun for pair in start.headers})
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", "-timeout=5", "-print_final_stats=1",
         "-verbosity=0", "-exact_artifact_path=/dev/null"],
        _one(carrier, headers),
        custom_mutator=_mutator([start.body for start in begun]),
    )  # fmt: skip
    atheris.Fuzz()


def _one(carrier: Carrier, headers: tuple[tuple[bytes, bytes], ...]) -> Callable[[bytes], None]:
    def check(body: bytes) -> None:
        try:
            judge(carrier, body, headers=headers)
            if carrier.provider in WEBHOOK_CARRIERS:
                name, _, value = body[:400].partition(b":")
                pairs = ((name.lower(), value), *headers)
                judge_verifier(carrier, Request(method="POST", path="/", headers=pairs, body=body), [b"nobody's"])
        except Exception:
            kept = CORPUS / carrier.provider / f"found_{hashlib.sha256(body).hexdigest()[:12]}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(body)
            sys.stderr.write(f"kept as {kept}\n")
            raise

    return check


def _mutator(bodies: list[bytes]) -> Callable[[bytes, int, int], bytes]:
    """Return libFuzzer's mutator: now and then its own, else one that knows documents."""

    def mutate(body: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)  # noqa: S311 - reproducible, nothing is secret
        if chance.random() < 0.1:
            return bytes(atheris.Mutate(body, most))
        return mutated(chance.choice(bodies) if len(body) < 2 or chance.random() < 0.1 else body, chance)[:most]

    return mutate


if __name__ == "__main__":
    sys.exit(main())
