"""The status service with the cache as delivered: the program of parts that look at memory. No timer fires."""

import asyncio

from benchmarks.engine.designs import trackfold
from benchmarks.engine.designs.design import Config, arguments
from services.status.app import main
from services.status.settings import StatusSection, StatusSettings


def settings(config: Config) -> StatusSettings:
    """Return the settings of the benchmark but for the size of the cache."""
    roomy = trackfold.settings(config)
    delivered = StatusSection.model_fields["cache_bytes"].default
    return roomy.model_copy(update={"status": roomy.status.model_copy(update={"cache_bytes": delivered})})


if __name__ == "__main__":
    _config, _prepare = arguments()
    if _prepare:
        asyncio.run(trackfold.prepare(_config))
    else:
        raise SystemExit(main(settings(_config)))
