"""Pictures and bodies for the tests of proofs: made here, with everything in them that must not survive."""

import base64
import io
import json
from typing import Any, Final

from PIL import ExifTags, Image, PngImagePlugin

from services.ingest.carriers.base import Attachment

SECRETS: Final = ("Max Sample", "SN-778", "taken by", "hidden words", "after the end")
"""Words that are in the metadata of the pictures below, and nowhere in their pixels."""


def plain(size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Image.Image:
    """Return a picture that is red on its left half, so that a turn shows."""
    image = Image.new(mode, size, "white")
    image.paste(Image.new(mode, (size[0] // 2, size[1]), "red" if mode != "L" else 0), (0, 0))
    return image


def jpeg(size: tuple[int, int] = (40, 30), *, orientation: int = 1, mode: str = "RGB") -> bytes:
    """Return a JPEG with a place, a name, a serial number, a comment, and words after its end."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = "Max Sample"
    exif[ExifTags.Base.BodySerialNumber] = "SN-778"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef] = "N"
    gps[ExifTags.GPS.GPSLatitude] = (51.0, 30.0, 12.5)
    return (
        saved(plain(size, mode), "JPEG", exif=exif, comment=b"taken by", icc_profile=b"hidden words") + b"after the end"
    )


def png(size: tuple[int, int] = (40, 30), *, mode: str = "RGB") -> bytes:
    """Return a PNG with text chunks, plain, packed and international."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Max Sample")
    info.add_text("Comment", "taken by", zip=True)
    info.add_itxt("XML:com.adobe.xmp", "hidden words")
    return saved(plain(size, mode), "PNG", pnginfo=info)


def saved(image: Image.Image, name: str, **options: Any) -> bytes:
    """Return the picture's bytes in a format."""
    written = io.BytesIO()
    image.save(written, name, **options)
    return written.getvalue()


def opened(content: bytes) -> Image.Image:
    """Return a picture that was kept, loaded."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def body_with(*proofs: bytes, kind: Any = "photo") -> tuple[bytes, list[Attachment]]:
    """Return a body with these texts in it, and where they stand."""
    body = json.dumps({"number": "1Z1", **{f"photo{i}": f"@{i}@" for i in range(len(proofs))}, "code": "KB"}).encode()
    attachments = []
    for number, proof in enumerate(proofs):
        mark = f"@{number}@".encode()
        start = body.index(mark)
        body = body.replace(mark, proof)
        attachments.append(Attachment(kind, start, start + len(proof)))
    return body, attachments


def text_of(content: bytes) -> bytes:
    """Return base64."""
    return base64.b64encode(content)
