"""Azure OpenAI: the same API under a deployment's path, with a version in the query and the key in a header of its own.

Source: the reference of Azure OpenAI in Microsoft's documentation, "data plane inference", chat completions.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from agents.llm.openai_compatible import OpenAICompatible
from agents.llm.port import Profile

if TYPE_CHECKING:
    from openai import OpenAI


class AzureOpenAI(OpenAICompatible):
    """A `ModelPort` over a deployment; `model` is the deployment's name, `base_url` the resource's address."""

    name = "azure"

    def __init__(
        self, *, base_url: str, api_key: str, model: str, api_version: str, profile: Profile | None = None
    ) -> None:
        super().__init__(base_url=base_url, api_key=api_key, model=model, profile=profile)
        self._api_version = api_version

    @cached_property
    def _client(self) -> "OpenAI":
        from openai import AzureOpenAI as Client  # noqa: PLC0415 - takes seconds, used late
        from openai import DefaultHttpx2Client  # noqa: PLC0415

        client = Client(
            api_key=self._api_key,
            azure_endpoint=self.endpoint,
            api_version=self._api_version,
            max_retries=0,
            http_client=DefaultHttpx2Client(follow_redirects=False),
        )
        client.organization = client.project = None
        return client
