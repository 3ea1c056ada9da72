"""Where proofs of delivery are kept, how large they may be and for how long: a section of ingest's settings."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from services.runtime.settings import Section


class ProofSection(Section):
    """The store of photos, signatures and letters."""

    url: str = Field(default="", pattern=r"^(file:///[^\s?#]+|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s?#]*)?)?$")
    """Where proofs are kept: file:///var/lib/trackfold/proofs or s3://bucket/prefix; empty: they are cut out."""
    endpoint: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    """Address of an S3-compatible store that is not Amazon's."""
    region: str = "us-east-1"
    """Region of the bucket."""
    access_key: SecretStr = SecretStr("")
    """Access key of the bucket; empty: as AWS's own tools find one (environment, role of the machine)."""
    secret_key: SecretStr = SecretStr("")
    """Secret of `access_key`."""
    max_bytes: int = Field(default=2 * 1024 * 1024, ge=1024, le=16 * 1024 * 1024)
    """Size of one proof at most; a larger one is dropped, its event is kept."""
    max_pixels: int = Field(default=25_000_000, ge=10_000, le=80_000_000)
    """Width times height of a picture at most: written anew it takes eight bytes of memory for each, a WebP twenty; two
    at once."""
    index: bool = False
    """Whether the schema `ingest` of the database says which shipment has which proof: needed to erase by shipment."""
    retention_days: int = Field(default=180, ge=1, le=3650)
    """A proof is deleted so many days after its carrier last told it."""
    timeout_s: Annotated[float, Field(gt=0, le=4)] = 2
    """Limit for keeping the proofs of one webhook; after it the sender is told to repeat."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.access_key.get_secret_value()) != bool(self.secret_key.get_secret_value()):
            raise ValueError("access_key and secret_key belong together")
        return self
