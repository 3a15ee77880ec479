"""Are the provider files that come with the program good, and is each of them tried?"""

import json
from pathlib import Path

import pytest

from daemon import configuration, provider_file, selector
from daemon.auth_file import OAuth2
from tests.conversations import conversation

PROVIDERS = Path(provider_file.__file__).parent / "providers"
PATHS = sorted(PROVIDERS.glob("*.toml"))
NAMES = [path.stem for path in PATHS]

pytestmark = pytest.mark.requirement("A20")

each_file = pytest.mark.parametrize("path", PATHS, ids=NAMES)


def test_the_documents_providers_are_shipped():
    assert {"fitbit", "google_fit", "google_health", "dexcom", "finale"} <= set(NAMES)


def test_each_has_a_conversation_and_each_conversation_its_provider():
    assert conversation.names() == NAMES


@each_file
def test_a_file_says_what_it_is_of_and_where_that_is_documented(path):
    file = provider_file.load(path)
    assert file.title
    assert file.documentation.startswith("https://")
    assert file.streams


@each_file
def test_credentials_go_over_tls_alone(path):
    file = provider_file.load(path)
    urls = [file.base_url]
    if isinstance(file.auth, OAuth2):
        urls += filter(None, (file.auth.token_url, file.auth.authorize_url))
    assert all(url.startswith("https://") for url in urls)


@each_file
def test_what_is_watched_is_there_in_what_the_provider_answers(path):
    file = provider_file.load(path)
    outcomes = [each.outcome.records for each in conversation.load(path.stem).syncs]
    for name, stream in file.streams.items():
        rows = [row for each in outcomes for row in json.loads(each.get(name, "[]"))]
        for field in stream.watch:
            values = [selector.select(field, row) for row in rows]
            assert any(isinstance(each, int | float | str) for each in values), (name, field)


def test_all_of_them_can_be_in_force_at_once(tmp_path):
    assert set(NAMES) <= set(configuration.load(tmp_path / "rounds.toml").providers)
