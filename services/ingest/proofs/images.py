"""What is kept of a proof as it was sent: decides its type by its bytes, and takes out everything that is no picture.

Pictures are decoded and written anew, so that nothing but pixels survives: EXIF with its GPS place, XMP, colour
profiles, comments, text chunks, further frames, and whatever was appended. Never trusts a declared type. Pure.
"""

import binascii
import io
import re
from dataclasses import dataclass
from typing import Any, Final

import pydantic_core
from PIL import ExifTags, Image

#: The head of a data URL, which some senders leave before the base64.
_DATA_URL: Final = re.compile(rb"data:[\w.+/;=-]{0,100}?;base64,")
_LARGEST_SIDE: Final = 16_383
"""What JPEG, PNG and WebP can all be written with."""

#: Type by the first bytes (of WebP also those after its length).
_SIGNATURES: Final = (
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("WEBP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("PDF", re.compile(rb"%PDF-[12]\.\d")),
)

#: What a picture is written as, and how. GIF becomes PNG: nothing is lost, and it is one reader less behind us. What
#: would cost seconds for a few bytes is left alone.
_WRITTEN_AS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "JPEG": ("JPEG", "image/jpeg", {"quality": 85, "optimize": True}),
    "PNG": ("PNG", "image/png", {"compress_level": 6}),
    "GIF": ("PNG", "image/png", {"compress_level": 6}),
    "WEBP": ("WEBP", "image/webp", {"quality": 85, "method": 2}),
}

#: How to turn a picture upright, by the number that its EXIF had for it.
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: What makes a PDF more than paper. A letter is kept as it came, so one that could do something is refused.
_ACTIVE: Final = (b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/RichMedia", b"/XFA", b"/SubmitForm", b"/ImportData")
_PDF_END: Final = b"%%EOF"
_PDF_TAIL: Final = 1024


class RefusedError(Exception):
    """The proof is not kept; `reason` is a metric label."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a proof may be."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What is kept."""

    media_type: str
    content: bytes


def clean(raw: bytes, kind: str, limits: Limits) -> Cleaned:
    """Return what is kept of the base64 text between the quotes of a body; RefusedError where nothing is.

    Takes up to a second of one core for a large picture: run it in a thread.
    """
    content = decode(raw, max_bytes=limits.max_bytes)
    name = next((name for name, signature in _SIGNATURES if signature.match(content)), None)
    if name is None:
        raise RefusedError("unknown_type")
    if name != "PDF":
        cleaned = _picture(content, name, max_pixels=limits.max_pixels)
    elif kind == "letter":
        cleaned = _letter(content)
    else:
        raise RefusedError("wrong_type")
    if len(cleaned.content) > limits.max_bytes:
        raise RefusedError("too_large")
    return cleaned


def decode(raw: bytes, *, max_bytes: int) -> bytes:
    r"""Return the bytes of a base64 text as it stands in JSON: `\/`, line breaks and missing padding are allowed."""
    text = _unescaped(raw)
    if prefix := _DATA_URL.match(text):
        text = text[prefix.end() :]
    text = text.translate(None, b" \t\r\n").rstrip(b"=")
    if len(text) * 3 // 4 > max_bytes:
        raise RefusedError("too_large")
    try:
        content = binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        raise RefusedError("not_base64") from None
    if not content:
        raise RefusedError("not_base64")
    return content


def _unescaped(raw: bytes) -> bytes:
    if b"\\" not in raw:
        return raw
    try:
        return str(pydantic_core.from_json(b'"' + raw + b'"')).encode("ascii")
    except ValueError:
        raise RefusedError("not_base64") from None


def _picture(content: bytes, name: str, *, max_pixels: int) -> Cleaned:
    written_as, media_type, options = _WRITTEN_AS[name]
    written = io.BytesIO()
    try:
        with Image.open(io.BytesIO(content), formats=[name]) as image:
            _check_size(image, max_pixels=max_pixels)
            turn = _UPRIGHT.get(_orientation(image))
            bare = _bare(image, opaque=written_as == "JPEG")
            image.close()  # or what it unpacked would stay beside each further copy
        if turn is not None:
            bare = bare.transpose(turn)
        bare.save(written, written_as, **options)
    except (RefusedError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise RefusedError("too_many_pixels") from None
    except Exception:  # noqa: BLE001 - it decides: whatever a decoder says of a stranger's bytes, they are no picture
        raise RefusedError("unreadable") from None
    return Cleaned(media_type, written.getvalue())


def _check_size(image: Image.Image, *, max_pixels: int) -> None:
    """Refuse a bomb: only the head of the picture was read so far, nothing is unpacked yet."""
    if image.width * image.height > max_pixels or max(image.size) > _LARGEST_SIDE:
        raise RefusedError("too_many_pixels")


def _bare(image: Image.Image, *, opaque: bool) -> Image.Image:
    """Return the first frame as pixels and nothing else."""
    if image.mode.startswith("I"):
        image = image.point(lambda grey: grey * (1 / 256)).convert(
            "L"
        )  # 16 bits: `convert` alone would make them white
    mode = "L" if image.mode in {"1", "L"} else "RGB"
    if not opaque and image.has_transparency_data:
        mode = "RGBA"
    bare = Image.new(mode, image.size)
    bare.paste(image if image.mode == mode else image.convert(mode))
    return bare


def _orientation(image: Image.Image) -> int:
    try:
        found: object = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - it decides: broken EXIF costs the direction, not the picture
        return 1
    return found if isinstance(found, int) else 1


def _letter(content: bytes) -> Cleaned:
    """Return a PDF as it came: its own words on author and program stay, so only letters may be one."""
    if _PDF_END not in content[-_PDF_TAIL:]:
        raise RefusedError("unreadable")
    if any(name in content for name in _ACTIVE):
        raise RefusedError("active_content")
    return Cleaned("application/pdf", content)
