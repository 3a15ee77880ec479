"""Does each shipped provider file speak as its provider's documentation says, and understand it?"""

import pytest

from daemon import provider_file
from tests.conversations import conversation
from tests.conversations.conversation import Conversation
from tests.conversations.replay import replay
from tests.test_shipped_providers import PROVIDERS


def told(name: str):
    shows = conversation.load(name).shows
    return pytest.param(name, marks=[pytest.mark.requirement(row) for row in shows], id=name)


@pytest.mark.parametrize("name", [told(name) for name in conversation.names()])
async def test_a_provider_is_spoken_to_as_it_is_documented(name, tmp_path):
    wrong = await played(name, conversation.load(name), tmp_path)
    assert not wrong, wrong


async def played(name: str, told: Conversation, directory) -> str:
    file = provider_file.load(PROVIDERS / f"{name}.toml")
    return await replay(told, file, directory)
