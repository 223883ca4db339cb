"""What tests of several features of the domain share."""

from collections.abc import Iterator

import pytest
from fakes.twilio import FakeTwilio

from kernel import settings


@pytest.fixture
def twilio(database) -> Iterator[FakeTwilio]:
    """The provider of texts on loopback, and the settings of this process pointed at it."""
    with FakeTwilio() as running:
        settings.use(settings.get_settings().model_copy(update={"twilio_url": running.url}))
        yield running
