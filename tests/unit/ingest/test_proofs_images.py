"""What is kept of a photo, a signature or a letter, and what never is."""

import base64
import json
import struct
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.ingest.proofs.images import Cleaned, Limits, RefusedError, clean, decode
from tests.unit.ingest.pictures import SECRETS, jpeg, opened, plain, png, saved, text_of

LIMITS = Limits(max_bytes=200_000, max_pixels=1_000_000)
REASONS = {"not_base64", "unknown_type", "wrong_type", "unreadable", "too_large", "too_many_pixels", "active_content"}
PDF = b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"


def kept(content: bytes, kind: str = "photo", limits: Limits = LIMITS) -> Cleaned:
    return clean(text_of(content), kind, limits)


def refusal(raw: bytes, kind: str = "photo", limits: Limits = LIMITS) -> str:
    with pytest.raises(RefusedError) as caught:
        clean(raw, kind, limits)
    return caught.value.reason


def bomb(width: int, height: int) -> bytes:
    """A small PNG that claims to be large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 3000)) + chunk(b"IEND", b"")
    )


def test_the_place_the_name_and_all_else_beside_the_pixels_leave_a_photo() -> None:
    sent = jpeg()
    assert all(word.encode() in sent for word in ("Max Sample", "SN-778", "taken by", "after the end"))
    cleaned = kept(sent)
    image = opened(cleaned.content)
    assert (cleaned.media_type, image.format, image.size) == ("image/jpeg", "JPEG", (40, 30))
    assert not image.getexif()
    assert not {"exif", "icc_profile", "comment", "xmp", "photoshop"} & image.info.keys()
    assert not any(word.encode() in cleaned.content for word in (*SECRETS, "Exif", "ICC_PROFILE"))


def test_the_text_chunks_leave_a_signature() -> None:
    assert b"Max Sample" in png()
    cleaned = kept(png(), "signature")
    assert cleaned.media_type == "image/png"
    assert not any(word.encode() in cleaned.content for word in SECRETS)
    assert not any(name in cleaned.content for name in (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP", b"tIME"))
    assert list(opened(cleaned.content).get_flattened_data()) == list(plain().get_flattened_data())


@pytest.mark.parametrize(
    ("orientation", "corner"), [(1, (2, 2)), (3, (37, 27)), (6, (2, 2)), (8, (2, 37)), (99, (2, 2))]
)
def test_a_photo_stays_upright_without_its_exif(orientation: int, corner: tuple[int, int]) -> None:
    image = opened(kept(jpeg(orientation=orientation)).content)
    assert image.size == ((30, 40) if orientation in {6, 8} else (40, 30))
    red, green, _ = image.convert("RGB").getpixel(corner)  # type: ignore[misc]
    assert (red > 200, green < 90) == (True, True)


def test_a_moving_picture_is_kept_as_its_first_frame_and_gif_as_png() -> None:
    moving = saved(plain(), "GIF", save_all=True, append_images=[plain((40, 30), "L")], comment=b"hidden words")
    cleaned = kept(moving)
    assert (cleaned.media_type, getattr(opened(cleaned.content), "n_frames", 1)) == ("image/png", 1)
    assert b"hidden words" not in cleaned.content
    webp = kept(saved(plain(), "WEBP", exif=b"Exif\0\0hidden words"))
    assert webp.media_type == "image/webp"
    assert b"hidden words" not in webp.content


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "LA"])
def test_every_way_to_write_a_colour_is_kept(mode: str) -> None:
    name = "JPEG" if mode == "CMYK" else "PNG"
    image = opened(kept(saved(plain().convert(mode), name)).content)
    assert image.size == (40, 30)
    assert (image.mode == "RGBA") == (mode in {"RGBA", "LA"})


def test_grey_of_sixteen_bits_is_not_made_white() -> None:
    image = opened(kept(saved(Image.new("I;16", (10, 10), 30_000), "PNG")).content)
    assert (image.mode, image.getpixel((1, 1))) == ("L", 117)


def test_the_same_picture_is_the_same_bytes_every_time() -> None:
    assert kept(jpeg()).content == kept(jpeg()).content
    assert kept(png()).content == kept(png()).content


@pytest.mark.parametrize("size", [(20_000, 20_000), (60_000, 60_000), (2_000_000_000, 2), (1001, 1000)])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(size: tuple[int, int]) -> None:
    assert refusal(text_of(bomb(*size))) in {"too_many_pixels", "unreadable"}
    assert refusal(text_of(bomb(1001, 1000))) == "too_many_pixels"


MEMORY = """
import resource, sys
from services.ingest.proofs.images import Limits, clean
raw = sys.stdin.buffer.read()
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
clean(raw, "photo", Limits(2_000_000, 25_000_000))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit / 9_000_000)
"""


def test_a_large_picture_is_in_memory_no_more_than_twice_even_while_it_is_turned() -> None:
    raw = text_of(jpeg((3000, 3000), orientation=6))
    ran = subprocess.run([sys.executable, "-c", MEMORY], input=raw, capture_output=True, check=True, timeout=60)
    assert float(ran.stdout) < 11


def test_a_picture_with_a_side_that_no_format_can_write_is_refused() -> None:
    assert refusal(text_of(bomb(16_384, 1))) == "too_many_pixels"


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html><script>1</script>",
        b"MZ\x90\0",
        b"PK\x03\x04",
        b"II*\0\x08\0\0\0",
        b"BM\0\0\0\0",
        b"\0\0\0\x1cftypheic",
        b"GIF90a",
        b"RIFF\0\0\0\0WAVE",
    ],
)
def test_what_is_no_picture_by_its_bytes_is_refused(content: bytes) -> None:
    assert refusal(text_of(content)) == "unknown_type"


def test_a_picture_that_ends_early_or_is_broken_is_refused() -> None:
    for content in (jpeg((400, 300))[:900], b"\xff\xd8\xff" + b"\0" * 50, b"GIF89a", png()[:60], b"RIFF\0\0\0\0WEBP"):
        assert refusal(text_of(content)) == "unreadable"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_exif_costs_the_direction_and_not_the_picture() -> None:
    sent = saved(plain(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff\xff\xff")
    assert opened(kept(sent).content).size == (40, 30)


def test_what_is_too_large_is_refused_before_and_after_it_is_written_anew() -> None:
    assert refusal(b"A" * 400_000) == "too_large"
    coarse = saved(plain((300, 300)).rotate(30), "JPEG", quality=1)
    tight = Limits(max_bytes=len(coarse), max_pixels=1_000_000)
    assert refusal(text_of(coarse), limits=tight) == "too_large"


@pytest.mark.parametrize(
    "raw", [b"", b"    ", b"====", b"proof:none", b"QUJD!", b"Q", b"\\u00e9", b"\\x", b"\\", b"data:,x"]
)
def test_what_is_no_base64_is_refused(raw: bytes) -> None:
    assert refusal(raw) == "not_base64"


def test_base64_is_read_as_senders_write_it() -> None:
    content = jpeg()
    text = base64.b64encode(content).decode()
    written = [
        text,
        text.rstrip("="),
        "\\n".join(text[i : i + 76] for i in range(0, len(text), 76)),
        text.replace("/", "\\/"),
        text.replace("+", "\\u002b"),
        f"data:image/png;charset=utf-8;base64,{text}",
        f" {text}\t",
    ]
    assert {decode(one.encode(), max_bytes=100_000) for one in written} == {content}


def test_a_letter_may_be_a_pdf_and_a_photo_may_not() -> None:
    assert kept(PDF, "letter") == Cleaned("application/pdf", PDF)
    assert refusal(text_of(PDF), "photo") == "wrong_type"
    assert refusal(text_of(PDF), "signature") == "wrong_type"
    assert kept(png(), "letter").media_type == "image/png"


def test_a_pdf_that_could_do_something_or_is_not_whole_is_refused() -> None:
    active = PDF.replace(b"/Catalog", b"/Catalog /OpenAction <</S /JavaScript /JS (1)>>")
    assert refusal(text_of(active), "letter") == "active_content"
    assert refusal(text_of(PDF[:-7]), "letter") == "unreadable"


@given(st.binary(max_size=400), st.sampled_from(["photo", "signature", "letter"]))
def test_whatever_a_stranger_sends_is_kept_clean_or_refused_with_a_reason(content: bytes, kind: str) -> None:
    reasons = set[str]()
    for head in (b"", b"\xff\xd8\xff\xe0", png()[:33], b"GIF89a", b"RIFF\0\1\0\0WEBPVP8 ", b"%PDF-1.7"):
        try:
            cleaned = kept(head + content, kind)
        except RefusedError as refused:
            reasons.add(refused.reason)
        else:
            assert cleaned.media_type in {"image/jpeg", "image/png", "image/webp", "application/pdf"}
    assert reasons <= REASONS


@given(st.binary(min_size=1, max_size=200))
def test_what_was_written_as_base64_in_json_is_read_back(content: bytes) -> None:
    raw = json.dumps(base64.b64encode(content).decode())[1:-1].encode()
    assert decode(raw, max_bytes=1000) == content
